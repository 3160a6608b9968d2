# SPDX-License-Identifier: Apache-2.0
"""Reading a TOML table key by key, collecting all that is wrong with it instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Collection, Mapping

MAX_ADDRESS = 1 << 32


class TableReader:
    """One table at `place` (a dotted path, "" for the whole file).

    What is missing or wrong reads as a harmless default.
    """

    def __init__(self, table: Mapping[str, object], place: str, violations: list[str], kind: str) -> None:
        """kind: what the whole is, for complaints about keys that nobody reads: "a board file"."""
        self._table = table
        self._place = place
        self._violations = violations
        self._kind = kind
        self._seen: set[str] = set()
        self.is_sound = True
        """Nothing was wrong so far, in this table itself."""

    def complain(self, key: str, what: str) -> None:
        self.is_sound = False
        self._violations.append(f"{self._path(key)} {what}")

    def _path(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place and key else self._place or key

    def has(self, key: str) -> bool:
        return key in self._table

    def _value(self, key: str, kind: type | tuple[type, ...], kind_name: str) -> object:
        """The value, None (and a complaint) where it is missing or of another type."""
        self._seen.add(key)
        if key not in self._table:
            self.complain(key, "is missing")
            return None
        value = self._table[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.complain(key, f"must be {kind_name}, is {value!r}")
            return None
        return value

    def text(self, key: str) -> str:
        value = self._value(key, str, "a text")
        if value is None:
            return ""
        assert isinstance(value, str)
        if not value.strip() or not value.isprintable():
            self.complain(key, "must be a line of text")
        return value

    def choice(self, key: str, allowed: Collection[str]) -> str:
        """One of `allowed`, which is not empty."""
        before = len(self._violations)
        value = self.text(key)
        if value in allowed:
            return value
        if len(self._violations) == before:
            self.complain(key, f"must be one of {', '.join(allowed)}, is {value!r}")
        return next(iter(allowed))

    def integer(self, key: str, low: int, high: int = MAX_ADDRESS) -> int:
        value = self._value(key, int, "a whole number")
        if value is None:
            return low
        assert isinstance(value, int)
        if not low <= value <= high:
            self.complain(key, f"must be {low:,} to {high:,}, is {value:,}")
            return low
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """A real number, written with or without a point."""
        value = self._value(key, (int, float), "a number")
        if value is None:
            return low
        assert isinstance(value, int | float)
        if not low <= value <= high:
            self.complain(key, f"must be {low:g} to {high:g}, is {value:g}")
            return low
        return float(value)

    def boolean(self, key: str) -> bool:
        return self._value(key, bool, "true or false") is True

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._value(key, list, "a list of texts")
        if value is None:
            return ()
        assert isinstance(value, list)
        if not all(isinstance(item, str) for item in value):
            self.complain(key, f"must be a list of texts, is {value!r}")
            return ()
        return tuple(value)

    def integers(self, key: str, low: int, high: int = MAX_ADDRESS) -> tuple[int, ...]:
        value = self._value(key, list, "a list of whole numbers")
        if value is None:
            return ()
        assert isinstance(value, list)
        if not all(isinstance(item, int) and not isinstance(item, bool) and low <= item <= high for item in value):
            self.complain(key, f"must be a list of whole numbers from {low:,} to {high:,}, is {value!r}")
            return ()
        return tuple(value)

    def anything(self) -> dict[str, object]:
        """All entries as they are, for whoever knows what they mean."""
        self._seen |= set(self._table)
        return dict(self._table)

    def table(self, key: str) -> TableReader:
        value = self._value(key, dict, "a table")
        return self._inner(value if isinstance(value, dict) else {}, key)

    def tables(self, key: str) -> tuple[TableReader, ...]:
        value = self._value(key, list, "a list of tables")
        if not isinstance(value, list):
            return ()
        if not value or not all(isinstance(item, dict) for item in value):
            self.complain(key, "must be one table or more")
            return ()
        return tuple(self._inner(item, f"{key}[{index}]") for index, item in enumerate(value))

    def is_empty_list(self, key: str) -> bool:
        """Whether the key stands for nothing, on purpose."""
        if self._table.get(key) != []:
            return False
        self._seen.add(key)
        return True

    def _inner(self, table: Mapping[str, object], key: str) -> TableReader:
        return TableReader(table, self._path(key), self._violations, self._kind)

    def named_tables(self, key: str) -> tuple[tuple[str, TableReader], ...]:
        """The tables inside table `key`, by name, in the file's order."""
        outer = self.table(key)
        return tuple((name, outer.table(name)) for name in outer._table)

    def scalars(self) -> dict[str, str | int]:
        """All entries, which must be texts or whole numbers."""
        entries: dict[str, str | int] = {}
        for key, value in self._table.items():
            self._seen.add(key)
            if isinstance(value, str | int) and not isinstance(value, bool):
                entries[key] = value
            else:
                self.complain(key, f"must be a text or a whole number, is {value!r}")
        return entries

    def finish(self) -> None:
        """Complain about the keys that nobody read."""
        for key in self._table:
            if key not in self._seen:
                self.complain(key, f"is not a key of {self._kind}")
