"use strict";
// What the page does beyond standing still: tips over boxes, tables sorted by a click on their heading.
const tip = document.getElementById("tip");

document.addEventListener("pointermove", (event) => {
  const box = event.target.closest("[data-tip]");
  tip.hidden = !box;
  if (!box) return;
  tip.textContent = box.dataset.tip;
  const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const isLow = event.clientY + tip.offsetHeight + 24 > innerHeight;
  tip.style.left = `${Math.max(8, x)}px`;
  tip.style.top = `${isLow ? event.clientY - tip.offsetHeight - 12 : event.clientY + 18}px`;
});

// Titles are for browsers without scripts; else their tips would show beside ours.
for (const title of document.querySelectorAll("rect > title, circle > title")) {
  title.parentNode.dataset.tip = title.textContent;
  title.remove();
}

function sortBy(heading) {
  const isDescending = heading.ariaSort !== "descending" && heading.classList.contains("number") || heading.ariaSort === "ascending";
  const column = [...heading.parentNode.children].indexOf(heading);
  const body = heading.closest("table").tBodies[0];
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = (one, other) => {
    const [a, b] = [value(one), value(other)];
    const order = heading.classList.contains("number") ? Number(a) - Number(b) : a.localeCompare(b);
    return isDescending ? -order : order;
  };
  body.append(...[...body.rows].sort(compare));
  for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
  heading.ariaSort = isDescending ? "descending" : "ascending";
}

for (const heading of document.querySelectorAll("table.sortable th")) {
  const button = document.createElement("button");
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sortBy(heading));
  heading.append(button);
}
