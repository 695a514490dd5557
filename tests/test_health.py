"""Each fault of recordings is found, and healthy ones are left in peace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from esa4_helpers import (
    Finding,
    check_recordings,
    health,
    make_synthetic_machine,
    read_recordings,
)

RATE = 16000
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def healthy() -> np.ndarray:
    """Twelve recordings of 4 s, as an engineer makes them on twelve days."""
    return make_synthetic_machine(12, 0, duration=4.0, noise_spread_db=1.0).audio


def write(
    folder: Path, audio: list[np.ndarray], sr: int = RATE, **options: str
) -> Path:
    for day, one in enumerate(audio):
        soundfile.write(folder / f"day {day}.wav", one, sr, **options)
    return folder


def found(folder: Path) -> dict[str, Finding]:
    findings = check_recordings(folder)
    assert all(finding.sentence[-1] in ".?" for finding in findings)
    assert len({finding.kind for finding in findings}) == len(findings)
    return {finding.kind: finding for finding in findings}


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_healthy_recordings_give_no_finding(tmp_path, healthy, subtype):
    assert check_recordings(write(tmp_path, healthy, subtype=subtype)) == []


def test_eight_real_machines_give_none(tmp_path, mimii_machines):
    for title, clips in mimii_machines.items():
        (tmp_path / title).mkdir()
        folder = write(tmp_path / title, clips.audio[~clips.is_anomaly])
        assert check_recordings(folder) == []


def clip_at(audio: np.ndarray, limit: float) -> np.ndarray:
    return (limit * 4 * audio / np.abs(audio).max()).clip(-limit, limit)


def with_gap(audio: np.ndarray, seconds: float, value: float = 0.0) -> np.ndarray:
    gap = audio.copy()
    gap[2 * RATE - 100 : round((2 + seconds) * RATE)] = value
    return gap


def humming(audio: np.ndarray, mains: int) -> np.ndarray:
    time = np.arange(len(audio)) / RATE
    hum = sum(np.sin(2 * np.pi * mains * k * time) / k for k in range(1, 8))
    return audio + 2 * audio.std() * hum


@pytest.mark.parametrize(
    ("spoil", "kind", "part_of_sentence"),
    [
        (lambda x: clip_at(x, 1.0), "clipping", "is clipped"),
        (lambda x: clip_at(x, 0.4), "clipping", "is clipped"),
        (lambda x: with_gap(x, 0.02), "dropouts", "drops out 1 time,"),
        (lambda x: with_gap(x, 0.02, 0.003), "dropouts", "first after 1.99 s"),
        (
            lambda x: with_gap(x, 1.1),
            "silence",
            "silent for 1 s in all, first after 2 s",
        ),
        (np.zeros_like, "silence", "holds no sound"),
        (lambda x: x + 0.5 * x.std(), "dc", "50% of its RMS amplitude"),
        (lambda x: humming(x, 50), "hum", "hums: 50 Hz"),
        (lambda x: humming(x, 60), "hum", "hums: 60 Hz"),
    ],
)
def test_a_fault_of_one_recording_is_found_and_named(
    tmp_path, healthy, spoil, kind, part_of_sentence
):
    spoilt = [*healthy[:5], spoil(healthy[5]), *healthy[6:]]
    findings = found(write(tmp_path, spoilt))
    assert set(findings) - {"level"} == {kind}
    assert findings[kind].files == ("day 5.wav",)
    assert part_of_sentence in findings[kind].sentence
    assert findings[kind].sentence.startswith("day 5.wav ")


@pytest.mark.parametrize("mains", [50, 60])
def test_the_share_of_hum_is_that_of_its_power(tmp_path, mains):
    noise = 0.01 * RNG.standard_normal((9, 4 * RATE))
    hums = found(write(tmp_path, [humming(one, mains) for one in noise]))["hum"]
    hum = np.var(humming(noise[0], mains) - noise[0])
    assert hums.number == pytest.approx(hum / (hum + noise[0].var()), abs=0.03)


@pytest.mark.parametrize("sr", [32000, 44100, 48000])
def test_an_upsampled_file_has_missing_bands(tmp_path, healthy, sr):
    finer = librosa.resample(healthy, orig_sr=RATE, target_sr=sr)
    findings = found(write(tmp_path, finer, sr))
    assert set(findings) == {"missing bands"}
    assert findings["missing bands"].number == pytest.approx(7600, abs=400)
    assert len(findings["missing bands"].files) == 12


@pytest.mark.parametrize("second", range(4))
def test_a_band_that_sounds_for_one_second_is_not_missing(tmp_path, healthy, second):
    dull = librosa.resample(healthy, orig_sr=RATE, target_sr=2 * RATE)
    dull[:, 2 * RATE * second : 2 * RATE * (second + 1)] += 0.01 * RNG.standard_normal(
        (12, 2 * RATE)
    )
    assert "missing bands" not in found(write(tmp_path, dull, 2 * RATE))


@pytest.mark.parametrize("slope", [0.0, 0.9])
def test_an_mp3_in_disguise_has_missing_bands_and_noise_has_not(tmp_path, slope):
    rng = np.random.default_rng(0)
    noise = lfilter([1], [1, -slope], 0.02 * rng.standard_normal((9, 88200)))
    assert check_recordings(write(tmp_path, noise, 44100)) == []
    for path in tmp_path.glob("*.wav"):
        coded = path.with_suffix(".mp3")
        soundfile.write(coded, soundfile.read(path)[0], 44100)
        soundfile.write(path, soundfile.read(coded)[0], 44100)
        coded.unlink()
    assert found(tmp_path)["missing bands"].number == pytest.approx(17000, abs=1000)


def test_a_rising_gain_is_reported_as_drift(tmp_path, healthy):
    gain_db = np.linspace(-3, 3, 12)
    drift = found(write(tmp_path, healthy * 10 ** (gain_db[:, np.newaxis] / 20)))[
        "drift"
    ]
    assert drift.number == pytest.approx(4.4, abs=0.7)
    assert "dB louder than the first" in drift.sentence


def test_a_step_of_3_dB_is_reported_as_drift(tmp_path, healthy):
    gain = np.where(np.arange(12) < 6, 1.0, 10 ** (-3 / 20))
    drift = found(write(tmp_path, healthy * gain[:, np.newaxis]))["drift"]
    assert drift.number == pytest.approx(-3, abs=0.5)


def test_a_gain_that_wanders_is_reported_as_drift(tmp_path, healthy):
    gain_db = 3.0 * (-1.0) ** np.arange(12)
    findings = found(write(tmp_path, healthy * 10 ** (gain_db[:, np.newaxis] / 20)))
    assert set(findings) == {"drift"}
    assert "wanders by 6" in findings["drift"].sentence


def test_drift_within_one_long_recording_is_found(tmp_path, healthy):
    gain_db = np.linspace(-3, 3, healthy.size)
    long = healthy.ravel() * 10 ** (gain_db / 20)
    assert found(write(tmp_path, [long]))["drift"].number == pytest.approx(4.4, abs=1)


def test_another_level_names_the_recording(tmp_path, healthy):
    spoilt = [*healthy[:11], 0.3 * healthy[11]]
    level = found(write(tmp_path, spoilt))
    assert set(level) == {"level"}
    assert level["level"].files == ("day 11.wav",)


def test_copies_and_overlapping_pieces_are_a_problem(tmp_path, healthy):
    overlapping = healthy.ravel()[12000 : 12000 + 4 * RATE]
    many = [*healthy[2:], 0.5 * healthy[7], healthy[0], overlapping]
    duplicates = [
        f for f in check_recordings(write(tmp_path, many)) if f.kind == "duplicates"
    ]
    assert [f.files for f in duplicates] == [
        ("day 5.wav", "day 10.wav"),
        ("day 11.wav", "day 12.wav"),
    ]
    assert all(f.severity == "problem" for f in duplicates)


def test_a_recording_that_repeats_itself_is_a_problem(tmp_path, healthy):
    looped = np.tile(healthy[0], 6)
    finding = found(write(tmp_path, [looped, *healthy[1:]]))["duplicates"]
    assert "day 0.wav repeats itself" in finding.sentence


def test_what_differs_between_recordings_is_named(tmp_path, healthy):
    write(tmp_path, healthy[:9])
    fine = librosa.resample(healthy[9], orig_sr=RATE, target_sr=22050)
    soundfile.write(tmp_path / "x.wav", np.stack([fine, fine], axis=1), 22050)
    findings = found(tmp_path)
    assert "16000 Hz (9 files), 22050 Hz (1 file)" in findings["rates"].sentence
    assert "channels differ: 1 (9 files), 2 (1 file)" in findings["channels"].sentence
    soundfile.write(
        tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.05, 10**6), RATE
    )
    assert found(tmp_path)["lengths"].files == ("long.wav",)


def test_files_that_can_not_be_used_are_named_first(tmp_path, healthy):
    write(tmp_path, healthy[:9])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "header.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "short.wav", healthy[0][:4800], RATE)
    whole = (tmp_path / "day 0.wav").read_bytes()
    (tmp_path / "day 0.wav").write_bytes(whole[: len(whole) // 2])
    findings = check_recordings(tmp_path)
    named = [f.files[0] for f in findings if f.kind == "unusable"]
    assert named == ["empty.wav", "header.wav", "short.wav", "text.wav"]
    assert "holds no sample" in findings[1].sentence
    assert [f.kind for f in findings[:5]] == ["unusable"] * 4 + ["damaged"]


def test_of_those_that_are_too_short_the_damage_is_told(tmp_path, healthy):
    write(tmp_path, healthy[:9])
    for name, n_whole in (("all.wav", 0), ("most.wav", RATE // 2)):
        broken = healthy[0].copy()
        broken[n_whole:] = np.nan
        soundfile.write(tmp_path / name, broken, RATE, subtype="FLOAT")
    unusable = [f for f in check_recordings(tmp_path) if f.kind == "unusable"]
    assert [f.files for f in unusable] == [("all.wav",), ("most.wav",)]
    assert "up to 0 s only (NaN" in unusable[0].sentence
    assert "up to 0.5 s only (NaN" in unusable[1].sentence


def test_few_recordings_say_what_they_can_not_promise(tmp_path, healthy):
    few = found(write(tmp_path, healthy[:5]))["few recordings"]
    assert few.number == pytest.approx(1 / 6)
    assert "1 in 6" in few.sentence


def test_nothing_to_check_is_a_problem(tmp_path):
    assert [f.kind for f in check_recordings(tmp_path)] == ["empty"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        check_recordings(tmp_path / "nowhere")


def test_recordings_that_are_known_already_give_the_same_findings(tmp_path, healthy):
    write(tmp_path, [*healthy[:2], np.zeros(RATE)])
    (tmp_path / "empty.wav").touch()
    known = read_recordings(tmp_path, clip_seconds=1.0)
    assert check_recordings(known) == check_recordings(tmp_path)


def test_copies_are_noticed_among_more_hours_than_all_marks_are_kept_of(
    tmp_path, healthy, monkeypatch
):
    monkeypatch.setattr(health, "_HOURS_OF_MARKS", 1e-9)
    copied = [*healthy, 0.7 * healthy[0]]
    assert "duplicates" in found(write(tmp_path, copied))


def test_takes_that_were_cut_into_files_are_noticed(tmp_path):
    rng = np.random.default_rng(0)
    gains = 10 ** (rng.uniform(-1.5, 1.5, 6) / 20)
    for take, gain in enumerate(gains):
        for piece in range(5):
            sound = 0.05 * gain * rng.standard_normal(8000)
            soundfile.write(tmp_path / f"pieces {take}{piece}.wav", sound, 8000)
            (tmp_path / "mixed").mkdir(exist_ok=True)
            soundfile.write(tmp_path / "mixed" / f"{piece}{take}.wav", sound, 8000)
    pieces = [*tmp_path.glob("*.wav")]
    assert "pieces" in {finding.kind for finding in check_recordings(pieces)}
    mixed = check_recordings(tmp_path / "mixed")
    assert "pieces" not in {finding.kind for finding in mixed}


def test_a_clipped_recording_is_named_once(tmp_path):
    for day in range(10):
        sound = 0.01 * np.random.default_rng(day).standard_normal(16000)
        gain = 300 if day == 4 else 1
        soundfile.write(tmp_path / f"{day}.wav", np.clip(gain * sound, -1, 1), 8000)
    named = [f.kind for f in check_recordings(tmp_path) if "4.wav" in f.files]
    assert named == ["clipping"]


def measured(levels: float | list[float] = -30.0, **others: object) -> health._Measured:
    """A recording without fault, but for what is given, at 8 kHz."""
    levels = np.atleast_1d(np.array(levels, float))
    without_fault = {
        "name": "a.wav",
        "sr": 8000,
        "channels": 1,
        "is_float": False,
        "seconds": float(len(levels)),
        "levels": levels,
        "peak": 0.5,
        "n_clipped": 0,
        "dropouts": [],
        "dc": 0.0,
        "spectrum": np.ones(4001),
        "damage": "",
    }
    return health._Measured(**(without_fault | others))


QUIETER = "less than -90 dB is what 16 bits make of nothing."
TURN_DOWN = (
    "of its samples rest at the largest value. Turn the recorder down; what is cut off "
    "can't be brought back."
)
LOST = (
    "its samples stay the same for 32 samples or more amid sound, as when a recorder "
    "loses data."
)
SUPPLY = (
    "of its RMS amplitude: it counts as level, and leaves less room before clipping. "
    "Look at the sensor's supply."
)


@pytest.mark.parametrize(
    ("recording", "sentence", "severity", "number"),
    [
        (measured([-30, -90]), None, "", 0),
        (
            measured([-30, -30, -90.1, -120]),
            f"is silent for 2 s in all, first after 2 s: {QUIETER}",
            "warning",
            2,
        ),
        (
            measured([-91, -30]),
            f"is silent for 1 s in all, first after 0 s: {QUIETER}",
            "warning",
            1,
        ),
        # Of nothing, nothing else is said.
        (
            measured([-91] * 300, dropouts=[1.0], dc=1, n_clipped=9),
            "holds no sound, as if the sensor was off.",
            "problem",
            300,
        ),
        (
            measured([-30] * 4, n_clipped=800),
            f"is clipped: 0.025 {TURN_DOWN}",
            "warning",
            0.025,
        ),
        (
            measured(n_clipped=1),
            f"is clipped: 0.00013 {TURN_DOWN}",
            "warning",
            1 / 8000,
        ),
        (measured(is_float=True, peak=1.0), None, "", 0),
        (measured(peak=1.5), None, "", 0),
        (
            measured(is_float=True, peak=1.2345),
            "reaches 1.23, beyond full scale, as only files of floats can.",
            "note",
            1.2345,
        ),
        (
            measured(dropouts=[7.4321]),
            f"drops out 1 time, first after 7.43 s: {LOST}",
            "warning",
            1,
        ),
        (
            measured(dropouts=[0.5, 7.0]),
            f"drops out 2 times, first after 0.5 s: {LOST}",
            "warning",
            2,
        ),
        (measured(0.0, dc=0.1), None, "", 0),
        (
            measured(0.0, dc=0.101),
            f"has a constant offset of 0.101, 10% {SUPPLY}",
            "warning",
            0.101,
        ),
        # The mean of their powers is 0.04.
        (
            measured(10 * np.log10([0.01, 0.07]), dc=-0.05),
            f"has a constant offset of -0.05, 25% {SUPPLY}",
            "warning",
            -0.05,
        ),
        (
            measured([-30] * 3, damage="damaged: used up to 3 s only"),
            "is damaged: used up to 3 s only.",
            "warning",
            3,
        ),
    ],
)
def test_what_is_said_of_one_recording(recording, sentence, severity, number):
    for finding in health._of_one(recording):
        assert finding.sentence == f"a.wav {sentence}"
        assert (finding.files, finding.severity) == (("a.wav",), severity)
        assert finding.number == pytest.approx(number, rel=1e-12)
    assert bool([*health._of_one(recording)]) == bool(sentence)


def with_lines(lines: dict[int, float], n_bins: int = 4001) -> np.ndarray:
    """A flat spectrum but for these, which stand out by so much power."""
    spectrum = np.ones(n_bins)
    for line, power in lines.items():
        spectrum[[line - 1, line, line + 1]] += power * np.array([0.2, 0.5, 0.3])
    return spectrum


# Three lines hold a tenth of all if each has 148 times what is around, as their three bins
# are compared with as many; 15 dB are 95 times.
@pytest.mark.parametrize(
    ("spectrum", "mains"),
    [
        (with_lines({50: 149, 150: 149, 250: 149}), [50]),
        (with_lines({50: 147, 150: 147, 250: 147}), []),
        (with_lines({120: 149, 480: 149, 540: 149}), [60]),
        (with_lines({50: 400, 150: 400}), []),
        (with_lines({50 * k: 95.2 for k in range(1, 11)}), [50]),
        (with_lines({60 * k: 94.5 for k in range(1, 11)}), []),
        (with_lines({50 * k: 300 for k in (1, 2, 10)}), [50]),
        (with_lines({50 * k: 300 for k in (1, 2, 11)}), []),
        (with_lines({50 * k: 300 for k in (1, 2, 12)}), []),
        (with_lines({60 * k: 300 for k in (1, 2, 10)}), [60]),
        (with_lines({60 * k: 300 for k in (1, 2, 11)}), []),
        # Both at once; and what is around the last line must be there.
        (
            with_lines({50 * k: 300 for k in range(1, 11)} | {60: 300, 120: 300}),
            [50, 60],
        ),
        (with_lines({50 * k: 300 for k in (1, 2, 6)}, 320), [50]),
        (with_lines({50 * k: 300 for k in (1, 2, 6)}, 319), []),
        (np.zeros(4001), []),
    ],
)
def test_hum_is_three_lines_that_hold_a_tenth_of_all_power(spectrum, mains):
    findings = [f for f in health._of_one(measured(spectrum=0.01 * spectrum))]
    assert {f.kind for f in findings} <= {"hum"}
    assert [f.sentence.split()[2] for f in findings] == [str(hz) for hz in mains]


def test_the_share_of_hum_is_what_stands_out_of_its_surroundings():
    rng = np.random.default_rng(0)
    # Leaks beside a line are neither.
    leaking = with_lines({50 * k: 4000.0 / k for k in range(1, 11)})
    spectrum = rng.uniform(1, 9, 4001) * leaking + 1e6 * (np.arange(4001) == 0)
    for k in range(1, 11):
        spectrum[50 * k + np.r_[-4:-1, 2:5]] += 50
    expected = 0.0
    for line in range(50, 501, 50):
        distance = abs(np.arange(4001) - line)
        around = np.median(spectrum[(distance >= 5) & (distance <= 15)])
        expected += spectrum[distance <= 1].sum() - 3 * around
    expected /= spectrum.sum() - spectrum[0]
    [hum] = health._of_one(measured(spectrum=spectrum))
    assert hum.number == pytest.approx(expected, rel=1e-9)
    assert hum == Finding(
        "hum",
        "note",
        ("a.wav",),
        f"a.wav hums: 50 Hz and its multiples hold {expected:.0%} of its power. If that is "
        "not the machine, look for a ground loop or a cable beside the mains.",
        hum.number,
    )


@pytest.mark.parametrize(
    ("n_bins", "edge"),
    [(4001, 1600), (24001, 9600), (550, 200), (11050, 4400), (11052, 4400)],
)
def test_missing_bands_begin_where_the_spectrum_ends(n_bins, edge):
    rng = np.random.default_rng(0)
    spectrum = 1e-5 * rng.exponential(size=n_bins)
    width = n_bins // 100
    spectrum[41 * width :] *= 1e-5
    [finding] = health._of_one(measured(spectrum=spectrum, sr=2 * (n_bins - 1)))
    assert finding == Finding(
        "missing bands",
        "warning",
        ("a.wav",),
        f"a.wav holds nothing above {edge / 1000:.3g} kHz, of {(n_bins - 1) / 1000:.3g} "
        "kHz that its sample rate has room for: it was an MP3 or the like, or was recorded "
        "at a lower rate. Train only on recordings made in the same way as those to come.",
        float(edge),
    )


@pytest.mark.parametrize(
    ("drop_db", "power", "edge"),
    [(20.1, 1.0, 1600), (19.9, 1.0, None), (300, 1e-17, 1600), (300, 1e-19, None)],
)
def test_bands_are_missing_from_20_db_on(drop_db, power, edge):
    spectrum = np.full(4001, power)
    spectrum[1640:] *= 10 ** (-drop_db / 10)
    # What is quieter than that of 16 bits by far is nothing.
    assert health._edge_of_band(spectrum) == edge


def test_what_is_alike_in_more_than_three_recordings_is_said_once():
    def findings(kind: str, n: int) -> list[Finding]:
        return [
            Finding(kind, "note", (f"{i}.wav",), f"{i}.wav hums.", i) for i in range(n)
        ]

    three, damaged = findings("clipping", 3), findings("damaged", 9)
    mixed = [*findings("hum", 4), *damaged, *findings("dc", 5), *three]
    said = "hums. It is alike in"
    assert [*health._merged(mixed)] == [
        Finding(
            "hum",
            "note",
            ("0.wav", "1.wav", "2.wav", "3.wav"),
            f"0.wav {said} 3 more recordings.",
            0,
        ),
        *damaged,
        Finding(
            "dc",
            "note",
            ("0.wav", "1.wav", "2.wav", "3.wav", "4.wav"),
            f"0.wav {said} 4 more recordings.",
            0,
        ),
        *three,
    ]


def of_all(recordings: list[health._Measured], kind: str) -> list[Finding]:
    """What is said of all of them together, of one kind."""
    return [f for f in health._of_all(recordings) if f.kind == kind]


def test_rates_that_differ_are_counted():
    rates = [44100, 8000, 44100, 48000]
    assert of_all([measured(sr=sr) for sr in rates], "rates") == [
        Finding(
            "rates",
            "warning",
            ("a.wav",) * 4,
            "Sample rates differ: 8000 Hz (1 file), 44100 Hz (2 files), 48000 Hz (1 file). "
            "Above 4 kHz some recordings hold nothing, so that they differ by more than "
            "their sound: read all at sr=8000 at most.",
            3.0,
        )
    ]
    assert of_all([measured(), measured()], "rates") == []


def test_channels_that_differ_are_counted():
    assert of_all([measured(channels=n) for n in (2, 1, 2)], "channels") == [
        Finding(
            "channels",
            "warning",
            ("a.wav",) * 3,
            "Numbers of channels differ: 1 (1 file), 2 (2 files). The mean of more "
            "channels is quieter where their sound differs: choose one, such as channel=0.",
            2.0,
        )
    ]
    assert of_all([measured(channels=2)], "channels") == []


@pytest.mark.parametrize(
    ("seconds", "share"),
    [
        ([2, 1, 1], None),
        ([1.04, 2.02, 1.04], None),
        ([1.04, 2.1, 1.04], 2.1 / 4.18),
        ([1.0, 1.5, 7.5], 0.75),
        ([9, 1], None),
    ],
)
def test_one_recording_must_not_hold_more_than_half_of_all_sound(seconds, share):
    recordings = [measured(name=f"{s}.wav", seconds=s) for s in seconds]
    longest = max(seconds)
    said = [
        Finding(
            "lengths",
            "note",
            (f"{longest}.wav",),
            f"{longest}.wav holds more than half of all sound, {longest:.4g} s of "
            f"{sum(seconds):.4g} s: a detector learns mostly how that one recording sounds.",
            share,
        )
    ]
    found = of_all(recordings, "lengths")
    assert found == (said if share else [])


@pytest.mark.parametrize(
    ("n_others", "n", "are_strays"),
    [(1, 4, True), (1, 3, False), (2, 8, True), (2, 7, False), (3, 12, True)],
)
def test_a_quarter_at_most_are_of_another_level(n_others, n, are_strays):
    levels = [-24.0] * n_others + [-31.0] * (n - n_others)
    recordings = [measured(level) for level in levels]
    found = of_all(recordings, "level")
    said = Finding(
        "level",
        "warning",
        ("a.wav",),
        "a.wav has a level of -24.0 dB, far from -31.0 dB, the usual one of these "
        "recordings: was its gain or distance another one?",
        7.0,
    )
    assert found == [said] * n_others * are_strays
    # As they are named, they are no drift; what is clipped is named as such.
    assert not (are_strays and of_all(recordings, "drift"))
    recordings[0].n_clipped = 1
    assert of_all(recordings, "level") == found[1:]


@pytest.mark.parametrize(("level", "is_other"), [(-24, False), (-23.9, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_another_level_is_more_than_6_db_from_the_usual_one(level, is_other, sign):
    levels = [-30, -30, -30, -30 + sign * (level + 30), -30]
    assert bool(of_all([measured(one) for one in levels], "level")) == is_other


@pytest.mark.parametrize(
    ("n", "start"),
    [
        (1, "1 recording can't promise fewer false alarms than 1 in 2,"),
        (2, "2 recordings can't promise fewer false alarms than 1 in 3,"),
        (8, "8 recordings can't promise fewer false alarms than 1 in 9,"),
    ],
)
def test_fewer_than_nine_recordings_are_few(n, start):
    assert of_all([measured()] * n, "few recordings") == [
        Finding(
            "few recordings",
            "note",
            ("a.wav",) * n,
            f"{start} however long they are; 10% takes 9, made independently.",
            1 / (n + 1),
        )
    ]
    assert of_all([measured()] * 9, "few recordings") == []


def drift_of(levels: list[float], n_seconds: int = 1) -> list[Finding]:
    return [*health._drift([measured([one] * n_seconds) for one in levels])]


@pytest.mark.parametrize(
    ("levels", "change"),
    [
        # In thirds, by their medians: 2 dB, and not less.
        ([-30, -30, -28], 2.0),
        ([-30, -30, -28.01], None),
        ([-28, -30, -30], -2.0),
        ([-30, -28], None),
        ([-30, -30, -30, -33, -33, -33, -28, -28, -28], 2.0),
        ([-30, -30, -33, -36, -33, -36, -36, -33, -33], None),
        ([-30, -30.4, -30.1, -29, -30, -31, -27.8, -27.9, -28.3], 2.2),
        # Three standard errors, here of 1 dB in each third: 2.12 dB.
        ([-31, -29] * 4 + [-28.9, -26.9] * 2, None),
        ([-31, -29] * 4 + [-28.8, -26.8] * 2, 2.2),
        ([-33, -27] * 4 + [-25.6] * 4, None),
        ([-33, -27] * 4 + [-25.4] * 4, 4.6),
        ([-30, -30] * 4 + [-31.0, -25.0] * 2, None),
    ],
)
def test_drift_is_a_change_of_level_beyond_chance(levels, change):
    found = [f for f in drift_of(levels) if "wanders" not in f.sentence]
    assert len(found) == (change is not None)
    for drift in found:
        assert drift.number == pytest.approx(change, abs=1e-9)
        way = "louder" if change > 0 else "quieter"
        assert drift == Finding(
            "drift",
            "warning",
            ("a.wav",) * len(levels),
            f"The level drifts: the last third is {abs(change):.1f} dB {way} than the "
            "first. If gain or distance were changed, that is no property of the machine, "
            "and its false alarms can't be promised: record anew, or make the detector with "
            "level=False.",
            drift.number,
        )


def test_a_level_wanders_from_4_db_on():
    [finding] = drift_of([-32, -28] * 6)
    assert finding == Finding(
        "drift",
        "warning",
        ("a.wav",) * 12,
        "The level wanders by 4.0 dB from recording to recording. If gain or distance were "
        "changed, a drift like that to come will look like a fault: keep them fixed, or "
        "make the detector with level=False.",
        4.0,
    )
    assert drift_of([-31.99, -28] * 6) == []
    # The lowest and the highest twentieth don't count: of 0 to 11, from 0.55 to 10.45.
    evenly = -0.5 * np.array([0, 11, 1, 10, 5, 6, 4, 7, 2, 9, 3, 8])
    [finding] = drift_of(evenly)
    assert finding.number == pytest.approx(0.5 * 9.9)
    # Within a recording, a machine may run by turns.
    by_turns = np.repeat([-35, -28] * 6, 10)
    assert [*health._drift([measured(by_turns)])] == []
    assert [*health._drift([measured(by_turns), measured(by_turns)])] != []


@pytest.mark.parametrize(
    ("n_seconds", "lengths"),
    [(1, [1]), (4, [4]), (14, [14]), (16, [8, 8]), (27, [9, 9, 9]), (36, [9] * 4)],
)
def test_drift_is_looked_for_in_pieces_of_about_10_s(n_seconds, lengths):
    power = np.arange(1.0, n_seconds + 1)
    pieces = health._levels_of_pieces(measured(10 * np.log10(power)))
    means = [part.mean() for part in np.split(power, np.cumsum(lengths)[:-1])]
    np.testing.assert_allclose(pieces, 10 * np.log10(means))


def swaying(n: int, step: float) -> list[health._Measured]:
    return [measured(-30 + np.cos(step * i), name=f"{i}.wav") for i in range(n)]


@pytest.mark.parametrize(
    # At steps of 0.919, the mean square of changes is 0.8 of the variance.
    ("n", "step", "are_pieces"),
    [
        (20, 0.5, True),
        (19, 0.5, False),
        (20, 0.0, False),
        (20, 0.918, True),
        (20, 0.92, False),
    ],
)
def test_pieces_are_neighbours_that_are_alike(n, step, are_pieces):
    levels = np.cos(step * np.arange(n))
    steps = np.mean([(b - a) ** 2 for a, b in pairwise(levels)])
    share = steps / max(np.var(levels), 1e-9)
    found = of_all(swaying(n, step), "pieces")
    assert len(found) == are_pieces
    for finding in found:
        assert finding.number == pytest.approx(share)
        assert finding == Finding(
            "pieces",
            "warning",
            tuple(f"{i}.wav" for i in range(n)),
            "Each file is about as loud as the one before it, far more so than the rest: "
            "these may be pieces of a few long takes, or one long change. As recordings of "
            "their own they promise too few false alarms: keep each take in one file.",
            finding.number,
        )


@pytest.mark.parametrize(
    ("hours", "every"),
    [
        (0, 4),
        (9.9, 4),
        (10, 5),
        (14.9, 5),
        (15, 7),
        (19.9, 7),
        (20, 9),
        (100, 41),
        (900, 41),
    ],
)
def test_of_more_hours_fewer_marks_are_kept(hours, every):
    assert health._marks_kept(3600 * hours) == every


def with_rests(start: int, length: int) -> np.ndarray:
    """A second of noise at 200 Hz, with a rest."""
    samples = np.random.default_rng(start).uniform(-0.5, 0.5, 240)
    samples[[start - 1, start + length]] = -0.9, 0.9
    samples[start : start + length] = 0.3
    return samples[:200]


@pytest.mark.parametrize(
    ("samples", "times"),
    [
        # One that begins or ends with silence has lost nothing.
        (with_rests(0, 40), []),
        (with_rests(1, 32), [1 / 200]),
        (with_rests(1, 31), []),
        (with_rests(100, 40), [0.5]),
        (with_rests(159, 40), [159 / 200]),
        (with_rests(160, 40), []),
        (np.concatenate([with_rests(100, 40), with_rests(100, 40)]), [0.5, 1.5]),
    ],
)
def test_a_dropout_has_sound_before_and_after(samples, times):
    assert health._dropouts(samples, 200) == times


def test_what_is_measured_of_a_recording(tmp_path):
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.4, 0.4, (3101, 2))
    # At 1 kHz. What is silent in one channel only is half as loud in their mean.
    sound[:, 1] = 0.02
    sound[700] = 2.4, 0.02
    # It begins as if it had stood still before. The other rests are across a border, ...
    sound[:40, 0] = 0.3
    sound[960:1040, 0] = 0.1
    # ... and beside one.
    sound[2000:2050, 0] = -0.1
    soundfile.write(tmp_path / "a.wav", sound, 1000, subtype="FLOAT")
    found = health._measure("a.wav", tmp_path / "a.wav", "mean")
    mean = np.float32(sound).mean(axis=1)
    assert (found.name, found.sr, found.channels, found.is_float, found.damage) == (
        *("a.wav", 1000, 2, True),
        "",
    )
    # The last 0.101 s are just enough to be looked at.
    assert found.seconds == 3.101
    seconds = np.split(mean, [1000, 2000, 3000])
    np.testing.assert_allclose(
        found.levels, [20 * np.log10(np.std(s)) for s in seconds], rtol=1e-5
    )
    assert found.peak == pytest.approx(1.21)
    assert found.dropouts == [0.96, 2.0]
    assert found.dc == pytest.approx(np.mean(mean), rel=1e-5)
    windowed = np.array(seconds[:3]) * np.hanning(1000)
    power = np.sum(np.abs(np.fft.rfft(windowed)) ** 2, axis=0)
    np.testing.assert_allclose(found.spectrum, power, rtol=1e-6, atol=1e-9)
    # One channel, of integers, and 0.1 s are too few.
    soundfile.write(tmp_path / "b.wav", np.clip(sound[:3100], -0.2, 0.2), 1000)
    found = health._measure("b.wav", tmp_path / "b.wav", 0)
    assert (found.channels, found.is_float, found.seconds) == (2, False, 3.0)
    cut = np.clip(sound[:3000, 0], -0.2, 0.2).reshape(3, 1000)
    stays = (np.diff(cut) == 0) & (np.abs(cut[:, 1:]) == 0.2)
    ends = np.zeros((3, 1), bool)
    in_rest = np.hstack([stays, ends]) | np.hstack([ends, stays])
    assert found.n_clipped == np.count_nonzero(in_rest)


@pytest.mark.parametrize(("seconds", "n_found"), [(0.02, 1), (0.9, 1), (3.0, 0)])
@pytest.mark.parametrize("start", [1.96, 1.99, 2.0])
def test_a_dropout_across_seconds_is_one_and_a_silence_is_none(
    tmp_path, seconds, n_found, start
):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 14000)
    sound[round(2000 * start) : round(2000 * (start + seconds))] = 0.0
    soundfile.write(tmp_path / "a.wav", sound, 2000)
    found = health._measure("a.wav", tmp_path / "a.wav", "mean")
    assert found.dropouts == [start] * n_found
    assert (found.levels == -120).sum() == (2 if seconds == 3 else 0) + (
        seconds == 3 and start == 2
    )


def test_a_recording_of_less_than_a_second_is_too_short(tmp_path):
    for n in (999, 1000):
        sound = np.random.default_rng(n).uniform(-0.1, 0.1, n)
        soundfile.write(tmp_path / f"{n}.wav", sound, 1000)
    [unusable, few] = check_recordings(tmp_path)
    assert few.kind == "few recordings"
    assert unusable == Finding(
        "unusable",
        "problem",
        ("999.wav",),
        "999.wav can't be used: too short: 0.999 s.",
        0.0,
    )


def test_those_that_can_not_be_used_are_in_natural_order(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, 1000)
    for name in ("b10.wav", "b9.wav"):
        soundfile.write(tmp_path / name, sound[:500], 1000)
    (tmp_path / "b9.5.m4a").touch()
    findings = check_recordings(tmp_path)
    assert [f.files for f in findings] == [
        *(("b9.wav",), ("b9.5.m4a",), ("b10.wav",)),
        (),
    ]
    assert findings[-1] == Finding(
        "empty", "problem", (), f"In {tmp_path} there is no recording.", 0.0
    )


@pytest.mark.parametrize(("level", "has_sound"), [(-90.0, True), (-90.1, False)])
def test_silence_is_no_sound(tmp_path, monkeypatch, level, has_sound):
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, 4000)
    soundfile.write(tmp_path / "a.wav", sound, 1000)
    monkeypatch.setattr(health, "_measure", lambda *_: measured([level] * 4))
    known = read_recordings(tmp_path, clip_seconds=1.0)
    kinds = ["few recordings"] if has_sound else ["silence", "empty"]
    findings = check_recordings(known)
    assert [f.kind for f in findings] == kinds
    assert has_sound or findings[1].sentence == "In these recordings there is no sound."


def test_a_finding_stays_as_it_is():
    finding = Finding("empty", "problem", (), "There is nothing.", 0.0)
    assert len({finding, replace(finding)}) == 1
    with pytest.raises(FrozenInstanceError):
        finding.kind = "dc"


class TestSharedSound:
    """Recordings at the rate of marks, with noise of their own."""

    @pytest.fixture
    def shared(self, tmp_path) -> Callable[..., list[Finding]]:
        def shared(
            recordings: dict[str, np.ndarray], channel: int | str = "mean"
        ) -> list[Finding]:
            files = {name: tmp_path / name for name in recordings}
            for name, sound in recordings.items():
                soundfile.write(files[name], sound, RATE, subtype="FLOAT")
            return [*health._shared_sound(files, channel, 4)]

        return shared

    @pytest.fixture
    def noise(self) -> np.ndarray:
        return 0.05 * np.random.default_rng(0).standard_normal((4, 2 * RATE))

    @pytest.mark.parametrize("n", [2, 5, 6])
    def test_five_are_named_at_most(self, shared, noise, n):
        names = tuple(f"{i}.wav" for i in range(n))
        shown = ", ".join(names[:5]) + " and others" * (n > 5)
        assert shared(dict.fromkeys(names, noise[0][:RATE])) == [
            Finding(
                "duplicates",
                "problem",
                names,
                f"{shown} share the same sound: copies, or pieces of one take. They count "
                "as one recording, and training on them as several promises too few false "
                "alarms.",
                float(n),
            )
        ]

    def test_each_group_is_named_once(self, shared, noise):
        # Pieces are as long as the shortest recording, 1 s.
        looped = np.tile(noise[3][:RATE], 4)
        found = shared(
            {
                **dict.fromkeys(("a.wav", "b.wav"), noise[0]),
                **dict.fromkeys(("c.wav", "d.wav"), noise[1][:RATE]),
                "e.wav": looped,
                "f.wav": noise[2],
            }
        )
        assert [(f.files, f.number) for f in found] == [
            (("a.wav", "b.wav"), 2),
            (("c.wav", "d.wav"), 2),
            (("e.wav",), 4),
        ]
        assert found[2].sentence == (
            "e.wav repeats itself: its repetitions tell nothing new about the machine, and "
            "training on them promises too few false alarms."
        )

    def test_pieces_may_overlap_by_any_number_of_samples(self, shared, noise):
        long = noise.ravel()
        a, b = long[: 2 * RATE], long[6001 : 6001 + 2 * RATE]
        assert [f.files for f in shared({"a.wav": a, "b.wav": b})] == [
            ("a.wav", "b.wav")
        ]

    def test_what_is_damaged_or_lacks_the_channel_is_passed_over(self, shared, noise):
        both = np.stack([noise[1], noise[0]], axis=1)
        broken = both.copy()
        broken[RATE // 2 :] = np.nan
        found = shared(
            {"a.wav": noise[0], "b.wav": broken, "c.wav": both, "d.wav": both},
            channel=1,
        )
        assert [f.files for f in found] == [("c.wav", "d.wav")]
        assert shared({"b.wav": broken}) == []

    def test_a_quarter_of_the_marks_is_kept(self, shared, noise, monkeypatch):
        kept, join_marks = [], health._join_marks

        def join(marks: list[np.ndarray], n_samples: int) -> np.ndarray:
            assert n_samples == 2 * RATE
            kept.extend(len(m) for m in marks)
            return join_marks(marks, n_samples)

        monkeypatch.setattr(health, "_join_marks", join)
        assert shared({"a.wav": noise[0]}) == []
        of_all = len(health._marks_of(noise[0]))
        assert kept == [pytest.approx(of_all / 4, rel=0.5)]


@pytest.mark.parametrize(
    ("lengths", "seconds"), [([12, 11], 10), ([10, 4, 9], 4), ([3, 0.5], 1)]
)
def test_pieces_are_as_long_as_the_shortest_recording(tmp_path, lengths, seconds):
    files = {}
    for n in lengths:
        files[str(n)] = tmp_path / f"{n}.wav"
        soundfile.write(files[str(n)], np.zeros(round(1000 * n)), 1000)
    assert health._shortest(files) == seconds


def test_what_stands_still_at_the_end_begins_at_the_last_change():
    assert health._end_of_change(np.array([1, 2, 2, 3, 3, 3])) == 2
