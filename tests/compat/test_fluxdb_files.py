"""FluxDB's own data files are read strictly, and its pickles never."""

from __future__ import annotations

import os
import pickle
import random
import struct
import uuid
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client, ConfigurationError, CorruptionError, StorageError
from nosqlpy.compat.fluxdb import FluxDB, migrate
from nosqlpy.compat.fluxdb.records import Damage, Found, read_records

ID = "00112233-4455-6677-8899-aabbccddeeff"
# what the first version wrote for one record
REAL = bytes.fromhex(
    "00000075 00112233445566778899aabbccddeeff 00000004 00000003 5f6964 00000024"
    + ID.encode().hex()
    + "00000004 6e616d65 00000005 416c696365 00000003 616765 00000002 3330"
    + "00000006 737461747573 00000006 616374697665"
)


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">I", len(data)) + data


def record(fields: dict[str, str], *, raw: bool) -> bytes:
    identity = fields["_id"]
    head = uuid.UUID(identity).bytes if raw else identity.encode()[:36].ljust(36, b"\0")
    body = head + struct.pack(">I", len(fields)) + b"".join(text(part) for pair in fields.items() for part in pair)
    return struct.pack(">I", len(body)) + body


def write(directory: Path, name: str, *records: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / f"{name}.fdb"
    path.write_bytes(b"".join(records))
    return path


def test_the_bytes_of_the_first_version_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "users", REAL)

    assert len(REAL) == 121
    assert list(read_records(path)) == [Found(0, {"_id": ID, "name": "Alice", "age": "30", "status": "active"})]
    assert record({"_id": ID, "name": "Alice", "age": "30", "status": "active"}, raw=True) == REAL


def test_both_versions_may_stand_in_one_file(tmp_path: Path) -> None:
    fields = [{"_id": str(uuid.uuid4()), "n": str(n)} for n in range(20)]
    fields.append({"n": "x", "_id": "an id that is longer than thirty-six characters"})
    path = write(tmp_path, "users", *(record(each, raw=n % 2 == 0 and n < 20) for n, each in enumerate(fields)))

    assert [each.fields for each in read_records(path) if isinstance(each, Found)] == fields


def test_an_empty_file_is_an_empty_collection(tmp_path: Path) -> None:
    write(tmp_path / "old", "users")

    assert migrate(tmp_path / "old", tmp_path / "new") == {"users": {"records": 0, "duplicates": [], "damage": []}}
    with Client(tmp_path / "new") as db:
        assert db.list_collection_names() == ["users"]


def test_damage_is_told_with_its_offset_and_what_follows_is_found(tmp_path: Path) -> None:
    first, second = ({"_id": str(uuid.uuid4()), "n": str(n)} for n in range(2))
    torn = record(first, raw=False)[:-3]
    path = write(tmp_path / "old", "users", REAL, torn, record(second, raw=False))
    found = list(read_records(path))

    assert found[0] == Found(0, {"_id": ID, "name": "Alice", "age": "30", "status": "active"})
    assert found[1] == Damage(len(REAL), len(torn))
    assert found[2] == Found(len(REAL) + len(torn), second)
    with pytest.raises(CorruptionError, match=f"offset {len(REAL)}") as caught:
        migrate(tmp_path / "old", tmp_path / "new")
    assert caught.value.details["offset"] == len(REAL)


def test_damage_is_skipped_only_if_that_is_asked_for_and_reported(tmp_path: Path) -> None:
    write(tmp_path / "old", "users", b"\x00\x00\x00\x05junk!", REAL, b"\xff\xff\xff\xff")
    report = migrate(tmp_path / "old", tmp_path / "new", damaged="skip")

    assert report["users"]["records"] == 1
    assert report["users"]["damage"] == [{"offset": 0, "bytes": 9}, {"offset": 9 + len(REAL), "bytes": 4}]


@pytest.mark.parametrize("at", range(len(REAL)))
def test_a_record_with_any_byte_changed_is_read_as_it_stands_or_reported(tmp_path: Path, at: int) -> None:
    data = bytearray(REAL)
    data[at] ^= 0x80
    found = list(read_records(write(tmp_path, "users", bytes(data))))

    assert all(isinstance(each, Found | Damage) for each in found)
    assert sum(each.size for each in found if isinstance(each, Damage)) in (0, len(REAL))


@pytest.mark.parametrize(
    ("duplicates", "numbers"), [("first", ["1", "3"]), ("last", ["2", "3"]), ("rename", ["1", "2", "3"])]
)
def test_records_with_one_id_are_kept_as_asked_for_and_reported(
    tmp_path: Path, duplicates: Any, numbers: list[str]
) -> None:
    rows = [record({"_id": "a", "n": "1"}, raw=False), record({"_id": "a", "n": "2"}, raw=False)]
    write(tmp_path / "old", "users", *rows, record({"_id": "b", "n": "3"}, raw=False))
    report = migrate(tmp_path / "old", tmp_path / "new", duplicates=duplicates)

    assert report["users"]["duplicates"] == [len(rows[0])]
    with Client(tmp_path / "new") as db:
        assert [each["n"] for each in db["users"].find(sort="n")] == numbers


TEXTS = {"_id": "30", "int": "30", "float": "0.5", "bool": "True", "none": "None", "list": "[1, 'a']", "zip": "01234"}
VALUES = {"_id": "30", "int": 30, "float": 0.5, "bool": True, "none": None, "list": [1, "a"], "zip": "01234"}


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (False, TEXTS),
        (True, VALUES),
        (["int", "bool"], {**TEXTS, "int": 30, "bool": True}),
        ({"float": float, "zip": int}, {**TEXTS, "float": 0.5, "zip": 1234}),
    ],
)
def test_types_come_back_where_they_are_asked_for(tmp_path: Path, types: Any, expected: dict[str, Any]) -> None:
    write(tmp_path / "old", "users", record(TEXTS, raw=False))
    migrate(tmp_path / "old", tmp_path / "new", types=types)

    with Client(tmp_path / "new") as db:
        assert db["users"].find().to_list() == [expected]


@pytest.mark.parametrize("value", ["__import__('os')", "(lambda: 1)()", "[1, ", "9" * 30, "1e999", "nan", "1_000"])
def test_text_that_is_no_plain_value_stays_text(tmp_path: Path, value: str) -> None:
    write(tmp_path / "old", "users", record({"_id": "1", "v": value}, raw=False))
    migrate(tmp_path / "old", tmp_path / "new", types=True)

    with Client(tmp_path / "new") as db:
        stored = db["users"].get("1")["v"]  # type: ignore[index]
        assert stored == value or (value == "nan" and stored != stored)  # noqa: PLR0124


def test_a_function_for_a_field_that_raises_is_named_and_nothing_of_the_file_taken_over(tmp_path: Path) -> None:
    fields = [{"_id": f"id-{number}", "age": "abc" if number == 1100 else "30"} for number in range(1200)]
    write(tmp_path / "old", "users", *(record(each, raw=False) for each in fields))

    with pytest.raises(ValueError, match="int") as caught:
        migrate(tmp_path / "old", tmp_path / "new", types={"age": int})
    assert caught.value.__notes__ == ["the function for the field 'age' raised it; nothing of this file was taken over"]
    with Client(tmp_path / "new") as client:
        assert client["users"].count() == 0


def test_index_files_are_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "bang"),)

    write(tmp_path / "old", "users", REAL)
    (tmp_path / "old" / "indexes").mkdir()
    (tmp_path / "old" / "indexes" / "users.idx").write_bytes(pickle.dumps(Bomb()))
    migrate(tmp_path / "old", tmp_path / "new", indexed_fields={"users": ["age"]})

    assert not (tmp_path / "bang").exists()
    with Client(tmp_path / "new") as db:
        assert "age_1" in db["users"].index_information()


def test_a_data_file_is_imported_as_an_export_is(tmp_path: Path) -> None:
    path = write(tmp_path, "users", REAL)

    with FluxDB(tmp_path / "data", "memory") as db:
        assert db.import_collection("people", path) is True
        assert db.find("people") == [{"_id": ID, "name": "Alice", "age": "30", "status": "active"}]


def test_a_directory_without_data_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no \.fdb file"):
        migrate(tmp_path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("options", [{"types": "all"}, {"damaged": "maybe"}, {"duplicates": "both"}])
def test_an_option_with_another_value_is_refused(tmp_path: Path, options: Any) -> None:
    write(tmp_path / "old", "users", REAL)

    with pytest.raises(ConfigurationError, match=next(iter(options))):
        migrate(tmp_path / "old", tmp_path / "new", **options)


@pytest.mark.parametrize("seed", range(60))
def test_every_byte_of_a_damaged_file_is_of_a_record_or_reported(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    fields = [{"_id": str(uuid.UUID(int=draw.getrandbits(128))), "text": "é" * draw.randrange(9)} for _ in range(8)]
    data = bytearray(b"".join(record(each, raw=draw.random() < 0.5) for each in fields))
    for _ in range(draw.randrange(4)):
        place = draw.randrange(len(data))
        data[place : place + draw.randrange(6)] = draw.randbytes(draw.randrange(6)) or b"\xff\xff\xff\xff"
    del data[draw.randrange(len(data) // 2, len(data) + 1) :]
    path = write(tmp_path, "users", bytes(data))

    found = list(read_records(path))
    ends = [*(each.offset for each in found[1:]), len(data)]
    assert [each.offset + each.size for each in found if isinstance(each, Damage)] == [
        end for each, end in zip(found, ends, strict=True) if isinstance(each, Damage)
    ]
    assert not found or found[0].offset == 0
    taken = [each.fields for each in found if isinstance(each, Found)]
    assert [each for each in fields if each in taken] == [each for each in taken if each in fields]


@pytest.mark.parametrize("claim", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x10\x00", b"\x00\x01"])
def test_a_file_of_claims_that_no_record_fulfils_is_one_place_of_damage(tmp_path: Path, claim: bytes) -> None:
    path = write(tmp_path, "users", claim * 2000)

    assert list(read_records(path)) == [Damage(0, 2000 * len(claim))]


def test_records_are_taken_over_in_their_order_whichever_of_those_with_one_id_is_kept(tmp_path: Path) -> None:
    ids = [str(uuid.UUID(int=number)) for number in (1, 2, 1, 3, 2)]
    write(tmp_path / "old", "users", *(record({"_id": each, "n": str(n)}, raw=True) for n, each in enumerate(ids)))

    for duplicates, expected in (("first", ["0", "1", "3"]), ("last", ["2", "4", "3"]), ("rename", list("01234"))):
        report = migrate(tmp_path / "old", tmp_path / duplicates, duplicates=duplicates)
        with Client(tmp_path / duplicates) as client:
            assert [each["n"] for each in client["users"].find(sort="$natural")] == expected
        assert report["users"]["records"] == len(expected)
        assert len(report["users"]["duplicates"]) == 2
