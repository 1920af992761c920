"""Profiles from TOML: the shipped ones, and a site's own values over them."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pcapdiag.errors import PcapdiagError
from pcapdiag.profiles import NAMES, keep_alive_defaults, load_profile, software_with_idle_timeout


def test_the_shipped_tables_are_those_of_the_toml_files() -> None:
    tool = Path(__file__).resolve().parent.parent.parent / "tools" / "profile_tables.py"
    done = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_profile_loads(name: str) -> None:
    assert load_profile(name).name == name


def test_documented_values() -> None:
    aws, alibaba = load_profile("aws"), load_profile("alibaba")
    assert (aws.frontend_idle_timeout_s, alibaba.frontend_idle_timeout_s) == (60, 15)
    assert (aws.client_closed_status, alibaba.client_closed_status) == (460, 499)
    assert (aws.backend_closed_status, alibaba.backend_closed_status) == (502, 500)
    assert aws.own_server_names == ("awselb/2.0",)
    assert aws.max_uri_bytes is None and alibaba.max_uri_bytes == 32768


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(PcapdiagError, match="no profile named 'gcp': choose one of aws, alibaba"):
        load_profile("gcp")


def test_a_file_lies_over_its_base(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('frontend_idle_timeout_s = 120\nmax_uri_bytes = "none"\ntitle = "our ALB"\n')
    profile = load_profile("alibaba", file)
    assert (profile.title, profile.frontend_idle_timeout_s, profile.max_uri_bytes) == ("our ALB", 120, None)
    assert profile.request_timeout_s == load_profile("alibaba").request_timeout_s


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("idle = 1", "unknown key 'idle'"),
        ('request_timeout_s = "soon"', "request_timeout_s must be a number of 0 or more"),
        ("request_timeout_s = -1", "must be a number of 0 or more"),
        ("request_timeout_s = true", "must be a number of 0 or more"),
        ("request_timeout_s = inf", "must be a number of 0 or more"),
        ("request_timeout_s = nan", "must be a number of 0 or more"),
        ("max_uri_bytes = 1.5", "max_uri_bytes must be a whole number"),
        ('slow_backend_s = "none"', "slow_backend_s must be a number"),
        ("own_statuses = [502, true]", "own_statuses must be a list"),
        ("title = 3", "title must be a text"),
        ('name = "aws"', "unknown key 'name'"),
        ("= 3", "not a TOML file"),
    ],
)
def test_what_a_profile_cannot_hold_is_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text)
    with pytest.raises(PcapdiagError, match=complaint) as caught:
        load_profile("aws", file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_the_documented_example_holds_every_field_and_loads(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs" / "usage.md"
    file = tmp_path / "site.toml"
    file.write_text(docs.read_text("utf-8").partition("```toml\n")[2].partition("```")[0])
    profile = load_profile("nginx", file)
    assert (profile.title, profile.backend_response_timeout_s) == ("nginx of the shop", 120)
    fields = {field.name for field in dataclasses.fields(profile)} - {"name"}
    assert set(re.findall(r"^(\w+) = ", file.read_text(), re.M)) == fields


def test_a_mistyped_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("request_timeot_s = 1")
    with pytest.raises(
        PcapdiagError, match=r"did you mean request_timeout_s\? all fields are in docs/usage.md"
    ):
        load_profile("aws", tmp_path / "site.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PcapdiagError, match="No such file"):
        load_profile("aws", tmp_path / "none.toml")


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(PcapdiagError, match="not a TOML file"):
        load_profile("aws", file)


def test_a_measured_timeout_names_its_software() -> None:
    assert "Apache httpd" in software_with_idle_timeout(5.003)
    assert software_with_idle_timeout(75.02) == ("nginx",)
    assert software_with_idle_timeout(40.0) == ()


def test_servers_close_late_never_early() -> None:
    assert "Apache httpd" in software_with_idle_timeout(5.4)
    assert software_with_idle_timeout(4.6) == ()


def test_defaults_are_in_seconds() -> None:
    assert keep_alive_defaults()["nginx"] == 75.0
