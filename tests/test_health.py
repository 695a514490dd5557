"""Each fault of recordings is found, and healthy ones are left in peace."""

from __future__ import annotations

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
