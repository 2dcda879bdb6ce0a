"""Every device has a condition with its reason, and what is not known is said to be unknown."""

from __future__ import annotations

from dataclasses import replace

from lab.device.health import Health
from lab.records import Context, Run, Spread, Tally
from lab.report.rack import Reading, check_words, own_metric, rack_of, reading_words, size_words
from tests.night_records import night
from tests.saved_checks import CHECKED, EMPTY
from tests.saved_runs import run_of


def run_on(device: str, status: str = "finished") -> Run:
    """Return a run of a phone."""
    facts = {"device_kind": "phone", "device_model": "X100", "device_fingerprint": "vivo/14"}
    return replace(run_of(), device=device, status=status, context=Context(facts))  # type: ignore[arg-type]


def test_devices_stand_in_the_order_of_their_need() -> None:
    """Quarantine first; what the last night did not plan last."""
    plan = night().planned[0]
    some = replace(
        night(),
        planned=(
            plan,
            replace(plan, scenario="prefill"),
            replace(plan, device="phone-3"),
            replace(plan, device="p-5"),
        ),
        gaps=(replace(night().gaps[0], planned=plan, nights=1, why="phone-2 was too warm"), night().gaps[0]),
    )
    book = {
        "phone-9": Health(failures=3, reason="no answer", since_utc="2026-11-28T01:00:00Z"),
        "phone-8": Health(failures=2, reason="the cable"),
    }
    newest = {"phone-7": run_on("phone-7", "running"), "phone-6": run_on("phone-6")}

    found = rack_of([some], newest, book=book)

    assert [(each.device, each.condition) for each in found] == [
        ("phone-9", "quarantined"),
        ("phone-3", "silent"),
        ("phone-7", "in use"),
        ("phone-8", "failing"),
        ("phone-2", "partly measured"),
        ("p-5", "measured"),
        ("phone-6", "not planned"),
    ]
    assert [(each.why, each.command) for each in found[:5]] == [
        (
            "3 failures in a row, since 2026-11-28T01:00:00Z; the last: no answer. Mend that, then release it.",
            "lab devices release phone-9",
        ),
        ("Silent for 2 nights: did not answer.", "lab devices"),
        (
            "A run of vit_batch began at 2026-01-01 00:00 UTC and has not ended: "
            "either it goes on, or its lab died.",
            "lab show 018f0000-0000",
        ),
        ("2 failures in a row; the last: the cable.", "lab devices"),
        ("1 of 2 planned runs not measured. Not measured last night: was too warm.", ""),
    ]


def test_a_device_stands_as_in_the_newest_night_that_planned_it() -> None:
    """Two suites measure different devices; one that none of them planned is not planned."""
    plan = night().planned[0]
    newest = replace(night(), suite="phones", planned=(plan,), gaps=())
    other = replace(night(), date="2026-11-27", planned=(plan, replace(plan, device="virtual-1")), gaps=())

    found = {each.device: each for each in rack_of([newest, other], {"host": run_on("host")})}

    assert {name: each.condition for name, each in found.items()} == {
        "phone-2": "measured",
        "virtual-1": "measured",
        "host": "not planned",
    }
    assert found["phone-2"].why == "All of 1 planned run measured in the night of 2026-11-29."
    assert found["virtual-1"].why == "All of 1 planned run measured in the night of 2026-11-27."


def test_a_device_is_described_by_its_newest_run() -> None:
    """Its kind, model and software, its noise, and what it lost by reason."""
    spread = Spread("phone-2", "decode", "a", "decode_s", 2, 8, 8 * 0.02**2)
    noisier = replace(spread, cell="b", squares=8 * 0.06**2)
    (found,) = rack_of(
        [],
        {"phone-2": run_on("phone-2")},
        checks=[replace(CHECKED, device="phone-2")],
        spreads=[spread, noisier, replace(spread, device="phone-3")],
        tallies=[
            Tally("phone-2", "decode", "", 15),
            Tally("phone-2", "decode", "throttled", 4),
            Tally("phone-2", "prefill", "throttled", 1),
        ],
        readings={"phone-2": Reading("2026-01-01T00:00:00Z", "r0", battery=31.5)},
    )

    assert (found.kind, found.model, found.software) == ("phone", "X100", "vivo/14")
    assert (round(found.cv or 0, 3), round(found.worst_cv or 0, 3)) == (0.04, 0.06)
    assert (found.trials, found.lost, found.lost_share) == (20, {"throttled": 5}, 0.25)
    assert found.check is not None
    assert found.why == "No night was measured yet."


def test_a_device_that_only_the_book_knows_is_unknown_in_all_else() -> None:
    """No kind is guessed, and no share of nothing is told."""
    (found,) = rack_of([], {}, book={"phone-1": Health(failures=1, reason="lost")})

    assert (found.kind, found.model, found.run, found.cv, found.lost_share) == (
        "unknown",
        "unknown",
        "",
        None,
        None,
    )


def test_a_hostile_name_cannot_break_its_command() -> None:
    """It is quoted for the shell."""
    (found,) = rack_of([], {}, book={"$(reboot) x": Health(failures=3, reason="x", since_utc="2026")})

    assert found.command == "lab devices release '$(reboot) x'"


def test_only_the_metric_of_a_scenario_counts_as_its_noise() -> None:
    """Stages are noisier than the whole, and a scenario answers by one metric."""
    own = Spread("p", "decode", "a", "decode_s", 1, 4, 0.1)

    assert own_metric([own, replace(own, metric="tile_s")], {"decode": "decode_s"}) == [own]


def test_readings_and_checks_in_few_words() -> None:
    """What was not read is left out, and never is said."""
    whole = Reading("2026", "r", 31.46, 33.0, 40.2, 81.0, powered=True)

    assert reading_words(whole) == "battery 31.5 °C, case 33.0 °C, chip 40.2 °C, charged to 81 %, on power"
    assert reading_words(Reading("2026", "r")) == "no sensor could be read"
    assert reading_words(None) == "never read"
    assert (whole.warmest, Reading("2026", "r", chip=40.0).warmest, Reading("2026", "r").warmest) == (
        31.46,
        40.0,
        None,
    )
    assert check_words(None, "2026-01-05") == "never"
    assert check_words(replace(CHECKED, smallest_found=0.031), "2026-01-12") == (
        "called changed: 0 of 1 (≤ 95 %); finds 3.1 %; 10 days ago, old"
    )
    assert check_words(EMPTY, "2026-01-04T00:00:00Z") == "called changed: none judged; 1 day ago"
    assert (size_words(None), size_words(3 << 29), size_words(250 << 20)) == ("unknown", "1.5 GiB", "250 MiB")
