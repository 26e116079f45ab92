"""Files that are right are read; files that are wrong say where, what and the remedy, all of it at once."""

from datetime import date, timedelta
from pathlib import Path

import municipality
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from municipality import Fault, MunicipalityFileError, OpenHours, read_file, read_folder, read_text
from pydantic import ValidationError

GOOD = """\
code: "0123"
name: Lilla kommun
zone: Europe/Stockholm
calendars:
  office:
    open:
      mon: ["08:00-12:00", "13:00-17:00"]
      tue: ["00:00-24:00"]
    holidays: SE
    holidays_except: [Nationaldagen]
    exceptions:
      - {kind: closed, day: 2026-05-15, reason: Klämdag}
owners:
  group.general: {name: Centret, calendar: office}
  department.building: {name: Bygg, calendar: office}
  person.architect: {name: Arkitekten, department: department.building}
topics:
  city.building-permit:
    name: Bygglov
    menu_choice: 3
    group: group.general
    department: department.building
  city.parking: {name: Parkering, menu_choice: 3, group: group.general, department: department.building}
routing:
  version: 4
  fallback: group.general
  rules:
    - name: written-permits
      when: {topic: city.building-permit, channel: [email, letter]}
      to: department.building
      because: Written permit matters go to the department.
    - {name: city, when: {topic: city, channel: phone}, to: group.general, because: Guides know the city.}
promises:
  version: 2
  ladder:
    - {at: {percent: 75}, to: [handler]}
    - {at: due, to: [handler, citizen]}
    - {at: {working_days: 1}, to: [head_of_unit]}
    - {at: {times: 3}, to: [contact_centre_head]}
  policies:
    - name: permits
      when: {owner: department.building, topic: city}
      promise: {working_hours: 4}
    - {name: all, when: {}, promise: {working_days: 2}}
"""


PROMISES = "promises:\n"


def spoiled(*changes: tuple[str, str]) -> str:
    """GOOD with each (old, new) change made once; a change that does not fit is a mistake of the test."""
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the good text"
        text = text.replace(old, new)
    return text


def faults_of(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(MunicipalityFileError) as caught:
        read_text(text, "bad.yaml")
    assert str(caught.value) == "\n".join(
        f"bad.yaml:{fault.line}: {fault.field}: {fault.message}" for fault in caught.value.faults
    )
    return [(fault.line, fault.field, fault.message) for fault in caught.value.faults]


def test_a_good_file_is_read_whole() -> None:
    read = read_text(GOOD)

    assert (read.code, read.name, read.time_zone.key) == ("0123", "Lilla kommun", "Europe/Stockholm")
    hours = read.calendars["office"].open["mon"]
    assert hours[1] == OpenHours(opens=timedelta(hours=13), closes=timedelta(hours=17))
    assert read.calendars["office"].week[1][0].closes == timedelta(hours=24)
    assert read.calendars["office"].week[2] == ()
    [bridge] = read.calendars["office"].exceptions
    assert (bridge.kind, list(bridge.days), bridge.reason) == ("closed", [date(2026, 5, 15)], "Klämdag")
    assert read.calendars["office"].holidays_except == ("Nationaldagen",)
    written, city = read.routing.rules
    assert (read.routing.version, read.routing.fallback) == (4, "group.general")
    assert (written.to, written.when.channel) == ("department.building", ("email", "letter"))
    assert city.when.channel == ("phone",)
    permits, everything = read.promises.policies
    assert (permits.promise.unit, permits.promise.amount) == ("working_hours", 4)
    assert (everything.promise.unit, everything.promise.amount) == ("working_days", 2)
    assert [(step.at.unit, step.at.amount, step.to) for step in read.promises.ladder] == [
        ("percent", 75, ("handler",)),
        ("due", 1, ("handler", "citizen")),
        ("working_days", 1, ("head_of_unit",)),
        ("times", 3, ("contact_centre_head",)),
    ]


def test_what_is_not_written_has_its_documented_value() -> None:
    promises = read_text(GOOD).promises
    assert (promises.live_limit_minutes, promises.back_dating_limit_minutes) == (60, 15)
    assert promises.reminder_at_percent == 75
    assert promises.pause_limit_working_days == 5
    attempts = promises.attempts
    assert (attempts.number, attempts.hours_apart, attempts.half_days) == (3, 2, 2)
    assert (promises.capacity.slot, promises.capacity.weeks) == ("half_day", 8)
    assert read_text(GOOD).figures.recontact_window_days == 7


def test_owners_and_topics_are_looked_up_by_id() -> None:
    read = read_text(GOOD)
    topic, person = read.topic("city.parking"), read.owner("person.architect")
    assert topic is not None
    assert (topic.id, topic.name, topic.department) == ("city.parking", "Parkering", "department.building")
    assert person is not None
    assert (person.kind, person.slug, person.id) == ("person", "architect", "person.architect")
    assert read.topic("city") is None
    assert read.owner("group.nobody") is None
    assert read.answer_groups == {"group.general"}
    assert read.departments == {"department.building"}
    assert read.department_of("person.architect") == read.department_of("department.building")
    assert read.department_of("group.general") is None
    assert read.calendar_name_of("person.architect") == "office"
    assert read.calendar_name_of("group.nobody") is None


def test_what_was_read_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        read_text(GOOD).name = "Stora kommun"  # type: ignore[misc]


OTHER = "calendars.office.exceptions[0]"

# Each: what is changed in GOOD, a text that stands only on the line blamed, the field, words of the message.
BAD: dict[str, tuple[tuple[str, str], str, str, str]] = {
    "code without quotes": (('"0123"', "2380"), "2380", "code", "must be text; put it in quotes"),
    "code of three digits": (('"0123"', '"123"'), '"123"', "code", "four digits"),
    "unknown zone": (("Europe/Stockholm", "Europe/Norrland"), "Norrland", "zone", "IANA"),
    "a folder for a zone": (("Europe/Stockholm", "Europe"), "zone:", "zone", "IANA"),
    "missing name": (("name: Lilla kommun\n", ""), "code:", "name", "missing; add it"),
    "empty name": (("name: Lilla kommun", "name:"), "name:\n", "name", "must be text"),
    "unknown field": (("name: Lilla", "nam: x\nname: Lilla"), "nam: x", "nam", "did you mean name?"),
    "unknown odd field": (
        ("    holidays: SE", "    holidays: SE\n    qqqq: 1"),
        "qqqq",
        "calendars.office.qqqq",
        "remove it",
    ),
    "hours of one digit": (('"00:00-24:00"', "8-17"), "8-17", "calendars.office.open.tue[0]", "HH:MM-HH:MM"),
    "hours not in a list": (('["00:00-24:00"]', "08:00-17:00"), "tue:", "calendars.office.open.tue", "list"),
    "hours backwards": (("00:00-24:00", "17:00-08:00"), "tue:", "calendars.office.open.tue[0]", "after open"),
    "hours that overlap": (("13:00-17:00", "11:00-17:00"), "mon:", "calendars.office.open.mon", "overlap"),
    "unknown weekday": (
        ("tue:", "tuesday:"),
        "tuesday",
        "calendars.office.open.tuesday",
        "one of 'mon', 'tue'",
    ),
    "unknown holidays": (("holidays: SE", "holidays: NO"), "NO", "calendars.office.holidays", "'SE' or 'none'"),
    "unknown holiday": (
        ("[Nationaldagen]", "[Juldagen, Nationaldag]"),
        "[Juldagen",
        "calendars.office.holidays_except[1]",
        "did you mean Nationaldagen?",
    ),
    "unknown zone of a calendar": (
        ("    holidays: SE", "    zone: Europe/Norrland\n    holidays: SE"),
        "Norrland",
        "calendars.office.zone",
        "IANA",
    ),
    "no such date": (("2026-05-15", "2026-02-30"), "02-30", f"{OTHER}.day", "YYYY-MM-DD"),
    "closed without a reason": ((", reason: Klämdag", ""), "2026-05-15", f"{OTHER}.reason", "missing; add it"),
    "closed with hours": (("Klämdag}", 'Klämdag, hours: ["08:00-12:00"]}'), "Kläm", OTHER, "short or extra"),
    "short without hours": (("kind: closed", "kind: short"), "Kläm", OTHER, "has no hours"),
    "extra with hours backwards": (
        ("kind: closed,", 'kind: extra, hours: ["12:00-08:00"],'),
        "Kläm",
        f"{OTHER}.hours[0]",
        "after opening",
    ),
    "another kind": (("kind: closed", "kind: holiday"), "Kläm", f"{OTHER}.kind", "'closed', 'short' or 'extra'"),
    "a last day before the first": (
        ("2026-05-15,", "2026-05-15, last: 2026-05-14,"),
        "Kläm",
        OTHER,
        "ends before it begins",
    ),
    "closed for years": (("2026-05-15,", "2026-05-15, last: 2028-05-14,"), "Kläm", OTHER, "longer than 366"),
    "unknown calendar": (
        ("Centret, calendar: office", "Centret, calendar: offcie"),
        "offcie",
        "owners.group.general.calendar",
        "which calendars does not have",
    ),
    "owner of no kind": (("  person.arch", "  robot.arch"), "robot", "owners.robot.architect", "department."),
    "group without a calendar": (
        ("{name: Centret, calendar: office}", "{name: Centret}"),
        "Centret",
        "owners.group.general.calendar",
        "missing; add the name",
    ),
    "group in a department": (
        ("{name: Centret,", "{name: Centret, department: department.building,"),
        "Centret",
        "owners.group.general.department",
        "belongs to no department",
    ),
    "person without a department": (
        ("Arkitekten, department: department.building", "Arkitekten"),
        "Arkitekten",
        "owners.person.architect.department",
        "missing; add the department",
    ),
    "person of an unknown department": (
        ("Arkitekten, department: department.building", "Arkitekten, department: department.art"),
        "Arkitekten",
        "owners.person.architect.department",
        "which owners does not have",
    ),
    "id written twice over": (
        ("{name: Arkitekten,", "{id: person.x, name: Arkitekten,"),
        "Arkitekten",
        "owners.person.architect.id",
        "the key is the id",
    ),
    "topic of one level": (("  city.parking", "  parking"), "parking:", "topics.parking", "write levels"),
    "topic above a topic": (("city.parking", "city.building-permit.small"), "  city.building-permit:",
        "topics.city.building-permit", "only leaves"),
    "menu choice of six": (("    menu_choice: 3", "    menu_choice: 6"), "choice: 6",
        "topics.city.building-permit.menu_choice", "write 5 or less"),
    "menu choice as text": (("    menu_choice: 3", "    menu_choice: '3'"), "'3'",
        "topics.city.building-permit.menu_choice", "whole number, without quotes"),
    "two menu choices for one level": (("Parkering, menu_choice: 3", "Parkering, menu_choice: 4"), "Parkering",
        "topics.city.parking.menu_choice", "one first level is one choice"),
    "two levels for one menu choice": (("  city.parking", "  streets.parking"), "streets.parking",
        "topics.streets.parking.menu_choice", "one menu choice is one first level"),
    "topic of an unknown group": (("    group: group.general", "    group: group.cty"), "group.cty",
        "topics.city.building-permit.group", "which owners does not have"),
    "topic answered by a department": (("    group: group.general", "    group: department.building"), "    group:",
        "topics.city.building-permit.group", "write an answer group"),
    "topic of an unknown department": (("    department: department.building", "    department: department.x"),
        "department.x", "topics.city.building-permit.department", "which owners does not have"),
    "version nought": (("version: 4", "version: 0"), "version: 0", "routing.version", "write 1 or more"),
    "version true": (("version: 4", "version: true"), "true", "routing.version", "whole number"),
    "unknown fallback": (("fallback: group.general", "fallback: group.gen"), "fallback", "routing.fallback",
        "which owners does not have"),
    "fallback to a department": (("fallback: group.general", "fallback: department.building"), "fallback",
        "routing.fallback", "write an answer group"),
    "rule to an unknown owner": (("to: department.building", "to: department.bulding"), "bulding",
        "routing.rules[0].to", "which owners does not have"),
    "rule on an unknown topic": (("{topic: city.building-permit,", "{topic: city.bygglov,"), "bygglov",
        "routing.rules[0].when.topic", "which topics does not have"),
    "rule on half a level": (("{topic: city.building-permit,", "{topic: city.build,"), "city.build,",
        "routing.rules[0].when.topic", "which topics does not have"),
    "rule on an unknown channel": (("[email, letter]", "[email, fax]"), "fax", "routing.rules[0].when.channel[1]",
        "'phone', 'email'"),
    "rule on an unknown condition": (("{topic: city, channel", "{topic: city, chanel"), "chanel",
        "routing.rules[1].when.chanel", "did you mean channel?"),
    "rule that matches everything": (("when: {topic: city, channel: phone}", "when: {}"), "name: city",
        "routing.rules[1].when", "use fallback"),
    "rule never reached": (("{topic: city, channel: phone}", "{topic: city.building-permit, channel: email}"),
        "name: city", "routing.rules[1].when", "never reached, 'written-permits'"),
    "two rules of one name": (("name: city,", "name: written-permits,"), "{name: written", "routing.rules[1].name",
        "give each its own"),
    "rule without a reason": (("      because: Written permit matters go to the department.\n", ""),
        "- name: written-permits", "routing.rules[0].because", "missing; add it"),
    "reason of two lines": (("because: Written permit", "because: |\n        Written permit"), "because: |",
        "routing.rules[0].because", "one line"),
    "rules not in a list": (("    - {name: all, when: {}, promise: {working_days: 2}}\n",
        "    - {name: all, when: {}, promise: 2}\n"), "name: all", "promises.policies[1].promise", "pairs"),
    "ladder that does not climb": (("{at: {times: 3}", "{at: {working_days: 1}"), "contact_centre_head",
        "promises.ladder[3].at", "more than the 1"),
    "ladder out of order": (("{at: {times: 3}", "{at: {percent: 80}"), "contact_centre_head",
        "promises.ladder[3].at", "move it up"),
    "ladder to nobody": (("[head_of_unit]", "[mayor]"), "mayor", "promises.ladder[2].to[0]", "'handler'"),
    "step of two times": (("{times: 3}", "{times: 3, percent: 80}"), "times", "promises.ladder[3].at", "say one time"),
    "step at an unknown time": (("at: due", "at: later"), "later", "promises.ladder[1].at", "write due, or one of"),
    "citizen told too late": (("[head_of_unit]", "[citizen]"), "[citizen]", "promises.ladder[2].to", "until then"),
    "ladder without the due time": (("    - {at: due, to: [handler, citizen]}\n", ""), "ladder:", "promises.ladder",
        "lacks the due time"),
    "reminder beside the ladder": (("version: 2", "version: 2\n  reminder_at_percent: 80"), "percent",
        "promises.reminder_at_percent", "remove it"),
    "text messages in the night": (("version: 2", 'version: 2\n  text_message_hours: ["21:00-08:00"]'), "21:00",
        "promises.text_message_hours[0]", "after opening"),
    "text messages at no time": (("version: 2", "version: 2\n  text_message_hours: []"), "text_message",
        "promises.text_message_hours", "write at least one"),
    "two promised times": (("{working_hours: 4}", "{working_hours: 4, clock_hours: 4}"), "working_hours",
        "promises.policies[0].promise", "one of working_hours, working_days, clock_hours"),
    "no promised time": (("{working_hours: 4}", "{}"), "promise: {}", "promises.policies[0].promise", "say one time"),
    "half an hour": (("{working_hours: 4}", "{working_hours: 0.5}"), "0.5",
        "promises.policies[0].promise.working_hours", "whole number"),
    "policy of an unknown owner": (("{owner: department.building,", "{owner: department.x,"), "department.x",
        "promises.policies[0].when.owner", "which owners does not have"),
    "policy on an unknown topic": (("building, topic: city}", "building, topic: school}"), "school",
        "promises.policies[0].when.topic", "which topics does not have"),
    "last policy with a condition": (("{name: all, when: {}", "{name: all, when: {topic: city.parking}"), "name: all",
        "promises.policies[1].when", "must match everything"),
    "policy never reached": (("{owner: department.building, topic: city}", "{}"), "name: all",
        "promises.policies[1].when", "never reached, 'permits'"),
    "two policies of one name": (("{name: all,", "{name: permits,"), "{name: permits", "promises.policies[1].name",
        "give each its own"),
    "more half days than attempts": (("version: 2", "version: 2\n  attempts: {number: 1}"), "attempts",
        "promises.attempts", "asks for more half_days than attempts; write a number that is no smaller"),
    "a capacity by fortnights": (("version: 2", "version: 2\n  capacity: {slot: fortnight}"), "capacity",
        "promises.capacity.slot", "write one of 'hour', 'half_day' or 'day'"),
    "a capacity of a week": (("version: 2", "version: 2\n  capacity: {weeks: 1}"), "capacity",
        "promises.capacity.weeks", "write 4 or more"),
    "a pause without a limit": (("version: 2", "version: 2\n  pause_limit_working_days: 0"), "pause_limit",
        "promises.pause_limit_working_days", "write 1 or more"),
    "a statutory clock in another zone": (("zone: Europe/Stockholm", "statutory: {}\nzone: Europe/Helsinki"), "statutory",
        "statutory", "by Swedish law, and zone is not Europe/Stockholm; remove it, or correct zone"),
    "a statutory clock of no month": ((PROMISES, "statutory: {months: 0}\npromises:\n"), "months", "statutory.months",
        "write 1 or more"),
    "a statutory step to the party": ((PROMISES, "statutory: {steps: [{at: end, to: [citizen]}]}\npromises:\n"), "citizen",
        "statutory.steps[0].to[0]", "write one of"),
    "a statutory step to nobody": ((PROMISES, "statutory: {steps: [{at: end, to: []}]}\npromises:\n"), "to: []",
        "statutory.steps[0].to", "write at least one"),
    "no statutory step": ((PROMISES, "statutory: {steps: []}\npromises:\n"), "steps", "statutory.steps", "at least one"),
    "a statutory step at another time": ((PROMISES, "statutory: {steps: [{at: soon, to: [handler]}]}\npromises:\n"), "soon",
        "statutory.steps[0].at", "write possible, end, or such as {working_days_before: 5}"),
    "a statutory step at two times": ((PROMISES,
        "statutory: {steps: [{at: {end: true, working_days_before: 1}, to: [handler]}]}\npromises:\n"), "end: true",
        "statutory.steps[0].at", "say one time"),
    "a statutory step before the weeks": ((PROMISES,
        "statutory: {weeks: 1, steps: [{at: {working_days_before: 5}, to: [handler]}]}\npromises:\n"), "weeks",
        "statutory.steps[0].at", "write less than 5 working days"),
    "two statutory steps at one time": ((PROMISES,
        "statutory:\n  steps:\n    - {at: end, to: [handler]}\n    - {at: end, to: [head_of_unit]}\npromises:\n"),
        "{at: end, to: [head_of_unit]}", "statutory.steps[1].at", "write all receivers there"),
    "reminder after the end": (("{percent: 75}", "{percent: 100}"), "percent",
        "promises.ladder[0].at.percent", "write 99 or less"),
    "a key twice": (("  version: 2", "  version: 2\n  version: 3"), "version: 3", "promises.version",
        "written twice, first on line 34"),
    "an owner twice": (("topics:", "  group.general: {name: Igen, calendar: office}\ntopics:"), "Igen",
        "owners.group.general", "written twice, first on line 14"),
    "an alias": (("name: Bygg,", "name: &b Bygg, calendar: *b} # {"), "&b", "owners.department.building.calendar",
        "an alias (*) is not allowed"),
    "a tag": (("name: Lilla kommun", "name: !!python/name:os.system x"), "!!python", "name", "tag"),
    "a list as a key": (("routing:\n", "routing:\n  [a, b]: c\n"), "[a, b]", "routing", "plain text"),
    "an open quote": (('"0123"', '"0123'), "mon:", "file", "(begun on line 1)"),
    "an open bracket": (("[email, letter]", "[email, letter"), "[email, letter", "file", "not YAML"),
    "a control character": (("Lilla", "Li\0lla"), "\0", "file", "control character"),
    "two documents": (("routing:\n", "---\nrouting:\n"), "---", "file", "single document"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "on_line", "field", "words"), BAD.values(), ids=BAD.keys())
def test_a_fault_is_told_with_its_line_and_field(
    change: tuple[str, str], on_line: str, field: str, words: str
) -> None:
    text = spoiled(change)
    lines = [number for number, line in enumerate(text.split("\n"), 1) if on_line in line + "\n"]
    found = faults_of(text)
    assert [(line, at) for line, at, _ in found] == [(lines[0], field)]
    assert words in found[0][2]


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    text = spoiled(
        ("zone: Europe/Stockholm", "zone: Mars"),
        ("{name: Bygg, calendar: office}", "{name: Bygg, calendar: ofice}"),
        ("Parkering, menu_choice: 3, group: group.general", "Parkering, menu_choice: 9, group: group.x"),
        ("to: department.building", "to: group.nobody"),
        ("to: [head_of_unit]", "too: [head_of_unit]"),
        ("{working_hours: 4}", "{working_hours: -4}"),
        ("  version: 2", "  version: 2\n  version: 2"),
    )
    assert [(line, field) for line, field, _ in faults_of(text)] == [
        (3, "zone"),
        (15, "owners.department.building.calendar"),
        (23, "topics.city.parking.group"),
        (23, "topics.city.parking.menu_choice"),
        (30, "routing.rules[0].to"),
        (35, "promises.version"),
        (39, "promises.ladder[2].to"),
        (39, "promises.ladder[2].too"),
        (44, "promises.policies[0].promise.working_hours"),
    ]


def test_a_ladder_of_an_earlier_release_is_read_with_the_two_steps_that_it_implied() -> None:
    steps = GOOD[GOOD.index("    - {at: {percent") : GOOD.index("  policies:")]
    old = """\
    - {step: 1, after_working_days: 1, to: head_of_unit}
    - {step: 2, after_working_days: 2, to: contact_centre_head}
"""
    text = GOOD.replace(steps, old).replace("version: 2", "version: 2\n  reminder_at_percent: 80")
    assert [(step.at.unit, step.at.amount, step.to) for step in read_text(text).promises.ladder] == [
        ("percent", 80, ("handler",)),
        ("due", 1, ("handler",)),
        ("working_days", 1, ("head_of_unit",)),
        ("working_days", 2, ("contact_centre_head",)),
    ]


def test_a_missing_section_is_one_fault_and_not_one_for_each_that_names_it() -> None:
    assert faults_of(spoiled(("owners:\n", "ownrs:\n"))) == [
        (1, "owners", "missing; add it"),
        (13, "ownrs", "unknown; did you mean owners?"),
    ]


@settings(max_examples=100, deadline=None)
@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 40),
    instead=st.text("ab9:-[]{}&*!,'\"\n\t #|%@", max_size=6) | st.text(max_size=3),
)
def test_any_spoiled_file_is_read_or_refused_with_its_faults(start: int, length: int, instead: str) -> None:
    text = GOOD[:start] + instead + GOOD[start + length :]
    told: tuple[Fault, ...] | None = None
    try:
        read_text(text)
    except MunicipalityFileError as error:
        told = error.faults
    assert told is None or told
    assert all(1 <= fault.line <= text.count("\n") + 1 for fault in told or ())


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "words\n", "[" * 5000])
def test_a_file_without_fields_is_one_fault(text: str) -> None:
    assert len(faults_of(text)) == 1


def test_a_folder_is_read_by_code(tmp_path: Path) -> None:
    (tmp_path / "0123.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "0124.yaml").write_text(GOOD.replace("0123", "0124"), encoding="utf-8-sig")
    (tmp_path / "README.md").write_text("not a municipality")
    assert {code: read.code for code, read in read_folder(tmp_path).items()} == {
        "0123": "0123",
        "0124": "0124",
    }


def test_all_wrong_files_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "0123.yaml").write_text(spoiled(("version: 4", "version: x")), encoding="utf-8")
    (tmp_path / "0124.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "0125.yml").write_text(GOOD.replace("0123", "0125"), encoding="utf-8")
    (tmp_path / "0126.yaml").write_bytes(b"code: '0126'\nname: \xc5re\n")
    (tmp_path / "0127.yaml").mkdir()
    with pytest.raises(MunicipalityFileError) as caught:
        read_folder(str(tmp_path))
    told = [(Path(f.file).name, f.line, f.field) for f in caught.value.faults]
    assert told == [
        ("0123.yaml", 25, "routing.version"),
        ("0124.yaml", 1, "code"),
        ("0125.yml", 1, "code"),
        ("0126.yaml", 2, "file"),
        ("0127.yaml", 1, "file"),
    ]
    assert str(caught.value).startswith(
        f"{tmp_path / '0123.yaml'}:25: routing.version: must be a whole number"
    )


def test_an_empty_folder_and_a_missing_file_are_faults(tmp_path: Path) -> None:
    with pytest.raises(MunicipalityFileError, match="no municipality in it; add a file"):
        read_folder(tmp_path)
    with pytest.raises(MunicipalityFileError, match="cannot be read"):
        read_file(tmp_path / "0123.yaml")


def test_the_public_names_exist() -> None:
    assert sorted(municipality.__all__) == sorted(set(municipality.__all__))
    assert all(hasattr(municipality, name) for name in municipality.__all__)
