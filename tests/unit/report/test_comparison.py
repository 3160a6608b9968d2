# SPDX-License-Identifier: Apache-2.0
"""The reports of a grid: what is averaged, what is said of what is missing, and that the plot is the same each time."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from sapmcu.ir.comparison import Comparison, ResultRow
from sapmcu.report.comparison import comparison_json, render_comparison, summarize
from sapmcu.report.plot import plot_comparison

ROW = ResultRow(
    name="sap-4222-seed1",
    pooling="sap",
    kind="sap",
    options={"num_heads": 2},
    strides="4222",
    placement="",
    seed=1,
    parameters=400_000,
    macs=5_000_000,
    tflm_sram_bytes=60_000,
    native_sram_bytes=30_000,
    native_refusal="",
    model_bytes=450_000,
    flash_bytes=500_000,
    epochs=20,
    best_epoch=19,
    validation_accuracy=0.8,
    float_test_accuracy=0.7,
    int8_test_accuracy=0.69,
    agreement=0.98,
    seconds=100.0,
    native_rows_sram_bytes=12_000,
    native_input_rows_sram_bytes=9_000,
)
ROWS = (
    ROW,
    replace(
        ROW,
        name="max-4222-seed1",
        pooling="max",
        kind="max",
        options={},
        native_sram_bytes=None,
        native_rows_sram_bytes=None,
        native_input_rows_sram_bytes=None,
    ),
    replace(ROW, name="sap-4222-seed2", seed=2, float_test_accuracy=0.72, int8_test_accuracy=0.73, macs=5_000_001),
)
RESULT = Comparison("study", {"data": {"name": "digits"}}, 4, ROWS, {"max-4222-seed2": "the loss became infinite"})
TABLE = """\
| pooling | strides | seeds |     float, % |      int8, % |     agree, % | TFLM SRAM | native SRAM | by rows | input by rows |   flash |      MACs | parameters |
| ------- | ------- | ----: | -----------: | -----------: | -----------: | --------: | ----------: | ------: | ------------: | ------: | --------: | ---------: |
| sap     | 4222    |     2 | 71.00 ± 1.41 | 71.00 ± 2.83 | 98.00 ± 0.00 |    60,000 |      30,000 |  12,000 |         9,000 | 500,000 | 5,000,001 |    400,000 |
| max     | 4222    |     1 |        70.00 |        69.00 |        98.00 |    60,000 |           – |       – |             – | 500,000 | 5,000,000 |    400,000 |

3 of 4 runs; 1 is missing, the same command goes on with it. Test accuracy: mean ± standard deviation over the seeds. SRAM and flash in bytes.
failed: max-4222-seed2: the loss became infinite"""  # noqa: E501


def test_table_averages_over_seeds_and_says_what_is_missing() -> None:
    assert render_comparison(RESULT) == TABLE


def test_table_without_rows_says_so() -> None:
    text = render_comparison(Comparison("study", {}, 4, (), {}))
    assert "0 of 4 runs; 4 are missing, the same command goes on with them." in text


DETECTORS = tuple(replace(row, measure="map", agreement=None) for row in ROWS)


def test_table_of_detectors_has_map_and_no_agreement() -> None:
    lines = render_comparison(replace(RESULT, rows=DETECTORS)).splitlines()
    heading, rule, sap = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:3])
    assert (heading[3:6], len(rule)) == (["float mAP@0.5, %", "int8 mAP@0.5, %", "agree, %"], len(heading))
    assert sap[4:6] == ["71.00 ± 2.83", "–"]
    assert "Test mAP@0.5: mean ± standard deviation over the seeds" in lines[5]


def test_rows_of_older_versions_can_be_read() -> None:
    table = asdict(ROW)
    del table["measure"], table["native_input_rows_sram_bytes"]
    assert ResultRow(**table) == replace(ROW, native_input_rows_sram_bytes=None)


def test_summary_is_of_the_sample() -> None:
    sap, maximum = summarize(ROWS)
    assert (sap.seeds, maximum.seeds) == ((1, 2), (1,))
    assert sap.int8_test_accuracy.mean == pytest.approx(0.71)
    assert sap.int8_test_accuracy.deviation == pytest.approx(0.02 * 2**0.5)
    assert maximum.int8_test_accuracy.deviation is None


def test_json_keeps_its_keys() -> None:
    table = json.loads(json.dumps(comparison_json(RESULT)))
    assert list(table) == ["recipe", "facts", "runs", "rows", "failures", "summary"]
    assert list(table["rows"][0]) == list(ResultRow.__dataclass_fields__)
    assert table["rows"][1]["native_sram_bytes"] is None
    assert table["summary"][0]["int8_test_accuracy"] == {"mean": pytest.approx(0.71), "deviation": pytest.approx(0.0283, abs=1e-4)}  # noqa: E501  # fmt: skip


@pytest.mark.needs("matplotlib")
def test_plot_is_the_same_each_time() -> None:
    first, again = (plot_comparison(summarize(ROWS), "study") for _ in range(2))
    assert first["svg"] == again["svg"]
    assert first["png"][:4] == b"\x89PNG"
    text = first["svg"].decode()
    assert "int8 test accuracy, %" in text
    assert "peak SRAM, KiB: native engine, input by rows" in text
    assert "4222" in text


@pytest.mark.needs("matplotlib")
def test_plot_of_detectors_has_map_on_its_axis() -> None:
    assert "int8 test mAP@0.5, %" in plot_comparison(summarize(DETECTORS), "study")["svg"].decode()
