from __future__ import annotations

import numpy as np
import pytest
from common import trace

from esa4_helpers import level, load_machines, machines, make_synthetic_machine
from esa4_helpers.datasets import DatasetUnreachableError

FAULTS = ("hiss", "whine", "knock", "slack")


def rms(audio: np.ndarray) -> np.ndarray:
    return level(audio)[:, 0]


def spectrum(audio: np.ndarray) -> np.ndarray:
    """Mean power at each multiple of 1 Hz, of clips of 1 s or what is left of them."""
    return np.mean(np.abs(np.fft.rfft(audio[:, :16000])) ** 2, axis=0)


class TestLoadMachines:
    def test_there_are_eight_synthetic_ones_each_with_its_seed_and_hall(self):
        made = load_machines("synthetic")
        assert [(name, clips.title) for name, clips in made.items()] == [
            (f"machine {i + 1}", f"synthetic machine {i}") for i in range(8)
        ]
        for clips in made.values():
            assert (~clips.is_anomaly).sum() == 10
            assert clips.is_anomaly.sum() == 5
            assert clips.sr == 16000
        last = make_synthetic_machine(random_state=7, hall=7)
        np.testing.assert_array_equal(made["machine 8"].audio, last.audio)

    @pytest.mark.parametrize(
        ("settings", "name"),
        [
            ({}, "mimii"),
            ({"ESA4_DATASET": "recordings"}, "mimii"),
            ({"ESA4_DATASET": "synthetic"}, "synthetic"),
            ({"ESA4_MACHINES": "synthetic"}, "synthetic"),
            ({"ESA4_DATASET": "synthetic", "ESA4_MACHINES": "mimii"}, "mimii"),
        ],
    )
    def test_settings_choose_the_set(self, monkeypatch, settings, name):
        for setting in ("ESA4_DATASET", "ESA4_MACHINES"):
            monkeypatch.delenv(setting, raising=False)
        for setting, value in settings.items():
            monkeypatch.setenv(setting, value)
        for function in ("load_mimii", "make_synthetic_machine"):
            monkeypatch.setattr(machines, function, lambda *args, **kwargs: kwargs)
        of_mimii = {"snr_db": -6, "n_normal": 10, "n_abnormal": 5}
        first = of_mimii if name == "mimii" else {"random_state": 0, "hall": 0}
        assert next(iter(load_machines().values())) == first

    def test_they_are_taken_from_the_named_folder(self, mimii_machines):
        assert list(mimii_machines) == [
            f"{machine} {model}"
            for machine in ("fan", "pump", "slider", "valve")
            for model in ("id_00", "id_02")
        ]
        for clips in mimii_machines.values():
            assert clips.audio.shape == (15, 160000)
            assert clips.is_anomaly.sum() == 5

    def test_one_set_is_never_swapped_for_the_other(self, monkeypatch):
        def unreachable(*args: object, **kwargs: object) -> None:
            raise DatasetUnreachableError("no connection")

        monkeypatch.setattr("esa4_helpers.machines.load_mimii", unreachable)
        for setting in ("ESA4_DATASET", "ESA4_MACHINES"):
            monkeypatch.delenv(setting, raising=False)
        with pytest.raises(DatasetUnreachableError, match="no connection"):
            load_machines()

    def test_another_name_is_refused(self, monkeypatch):
        monkeypatch.setenv("ESA4_MACHINES", "dcase")
        why = r" asks for machines 'dcase': expected one of 'mimii', 'synthetic'$"
        with pytest.raises(ValueError, match="^ESA4_MACHINES" + why):
            load_machines()
        with pytest.raises(ValueError, match=r"^load_machines\(\)" + why):
            load_machines("dcase")


class TestMakeSyntheticMachine:
    def test_the_test_are_all_abnormal_clips_and_as_many_normal_ones(self):
        clips = make_synthetic_machine(8, 3)
        assert len(clips.train) == 5
        assert clips.test.is_anomaly.sum() == 3
        assert len(clips.test) == 6
        assert not clips.train.is_anomaly.any()

    def test_clips_are_numbered_and_named_as_in_mimii(self):
        clips = make_synthetic_machine(11, 1, duration=1.0)
        numbered = [f"normal_000000{number:02}" for number in range(11)]
        assert clips.names == ("abnormal_00000000", *numbered)

    def test_by_default_it_is_mimiis_noisiest_in_short_clips(self):
        like = {"snr_db": -6, "noise_spread_db": 0, "hall": 0, "random_state": 0}
        default = make_synthetic_machine()
        asked = make_synthetic_machine(10, 5, sr=16000, duration=2.5, **like)
        assert default.sr == asked.sr
        np.testing.assert_array_equal(default.audio, asked.audio)

    def test_what_is_too_loud_is_clipped(self):
        loud = make_synthetic_machine(2, 0, snr_db=-60.0, duration=1.0).audio
        assert (loud.min(), loud.max()) == (-1, 1)

    def test_one_clip_at_least_is_left_to_train_on(self):
        assert len(make_synthetic_machine(3, 5).train) == 1

    def test_the_same_seeds_give_the_same_clips_and_more_change_none(self):
        few, more = make_synthetic_machine(2, 1), make_synthetic_machine(4, 3)
        for name, clip in zip(few.names, few.audio, strict=True):
            assert np.array_equal(clip, more.audio[more.names.index(name)])

    @pytest.mark.parametrize(
        ("seed", "traces"),
        [
            (0, [-1.9904, -1.57244, 0.71339]),
            (1, [5.94052, 1.96065, -2.65905]),
            (2, [-1.6819, 1.83386, -4.21198]),
            (3, [-2.46766, 0.39664, 0.90779]),
        ],
    )
    def test_a_seed_keeps_its_clips_from_version_to_version(self, seed, traces):
        settings = {"noise_spread_db": 3.0, "hall": 1, "random_state": seed}
        clips = make_synthetic_machine(2, 1, **settings)
        found = [trace(clip) for clip in clips.audio]
        assert found == pytest.approx(traces, abs=3e-5)

    @pytest.mark.parametrize("other", [{"random_state": 1}, {"hall": 1}])
    def test_another_machine_or_hall_gives_others(self, other):
        assert not np.isclose(
            make_synthetic_machine(2, 0).audio,
            make_synthetic_machine(2, 0, **other).audio,
        ).all()

    def test_the_faults_take_turns(self):
        for seed in (0, 1, 2, 3, 4, 9):
            clips = make_synthetic_machine(2, 1, random_state=seed)
            assert clips.kinds[0] == FAULTS[seed % 4]

    @pytest.mark.parametrize("snr_db", [-6.0, 6.0])
    def test_the_noise_has_the_power_that_was_asked_for(self, snr_db):
        # With the machine's power 1, the noise takes the clip up by so many dB.
        clips = make_synthetic_machine(20, 0, snr_db=snr_db)
        alone = make_synthetic_machine(20, 0, snr_db=80.0)
        found = np.median(rms(clips.audio)) - np.median(rms(alone.audio))
        # The hall turns up what is low and what is high by other amounts.
        assert found == pytest.approx(10 * np.log10(1 + 10 ** (-snr_db / 10)), abs=1.5)

    def test_equal_noise_makes_clips_equally_loud_and_a_spread_does_not(self):
        for seed in range(4):
            of = {"hall": seed, "random_state": seed}
            equal = make_synthetic_machine(20, 0, **of)
            varied = make_synthetic_machine(20, 0, noise_spread_db=3.0, **of)
            assert rms(equal.audio).std(ddof=1) < 0.3
            assert rms(varied.audio).std(ddof=1) > 0.8

    @pytest.mark.parametrize("seed", range(4))
    def test_a_fault_is_what_it_is_called(self, seed):
        clips = make_synthetic_machine(20, 20, snr_db=40.0, random_state=seed)
        bad = clips.is_anomaly
        change_db = 10 * np.log10(spectrum(clips.audio[bad]))
        change_db -= 10 * np.log10(spectrum(clips.audio[~bad]))
        low, high = np.median(change_db[100:400]), np.median(change_db[3000:7500])
        crest = level(clips.audio)[:, 2]
        if clips.kinds[0] == "hiss":
            assert high > low + 3
        elif clips.kinds[0] == "whine":
            assert change_db.max() > 15
            assert abs(high) < 1
        elif clips.kinds[0] == "knock":
            assert np.median(crest[bad]) > np.median(crest[~bad]) + 3
        else:
            assert low == pytest.approx(-4.5, abs=1)
            assert high == pytest.approx(-4.5, abs=1)

    def test_halls_differ_in_colour(self):
        ratio = np.log10(spectrum(make_synthetic_machine(5, 0, hall=0).audio))
        ratio -= np.log10(spectrum(make_synthetic_machine(5, 0, hall=1).audio))
        bands = [
            np.median(ratio[a:b]) for a, b in ((100, 300), (600, 1500), (3000, 7000))
        ]
        assert 10 * np.ptp(bands) > 2

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"n_normal": 1}, "n_normal must be"),
            ({"n_abnormal": -1}, "n_abnormal must"),
            ({"noise_spread_db": -1.0}, "noise_spread_db must not be negative"),
            ({"sr": 15999}, "sr must be"),
            ({"duration": 0.999}, "duration must be"),
            ({"hall": -1}, "hall must"),
        ],
    )
    def test_bad_input_is_named(self, settings, message):
        with pytest.raises(ValueError, match=message):
            make_synthetic_machine(**settings)
