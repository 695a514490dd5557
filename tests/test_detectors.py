from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from esa4_helpers import GMMDetector, anomaly_score

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(5, 2, (60, 3))


@parametrize_with_checks([GMMDetector(), GMMDetector(1, "full")])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_one_gaussian_agrees_with_the_density_of_a_normal_distribution():
    detector = GMMDetector(n_components=1, reg_covar=0.0).fit(NORMAL)
    z = (NORMAL - NORMAL.mean(axis=0)) / NORMAL.std(axis=0)
    np.testing.assert_allclose(
        detector.score_samples(NORMAL), norm.logpdf(z).sum(axis=1), rtol=1e-6
    )


def test_the_further_away_the_less_normal_and_the_more_anomalous():
    detector = GMMDetector(n_components=1).fit(NORMAL)
    distances = np.array([0, 1, 2, 5, 20, 100])
    X = NORMAL.mean(axis=0) + distances[:, np.newaxis]
    assert (np.diff(detector.score_samples(X)) < 0).all()
    assert (np.diff(anomaly_score(detector, X)) > 0).all()


def test_anomaly_score_works_with_scikit_learns_detectors():
    from sklearn.neighbors import LocalOutlierFactor

    detector = LocalOutlierFactor(novelty=True).fit(NORMAL)
    near, far = anomaly_score(detector, [NORMAL.mean(axis=0), NORMAL.mean(axis=0) + 50])
    assert far > near


def test_two_components_find_what_lies_between_two_clusters():
    clusters = np.concatenate([RNG.normal(-10, 1, (50, 2)), RNG.normal(10, 1, (50, 2))])
    between, inside = [[0.0, 0.0]], [[10.0, 10.0]]
    two = GMMDetector(2, random_state=0).fit(clusters)
    one = GMMDetector(1, random_state=0).fit(clusters)
    assert two.score_samples(between) < two.score_samples(inside) - 10
    assert one.score_samples(between) > one.score_samples(inside)


def test_permuting_clips_permutes_scores():
    detector = GMMDetector(random_state=0).fit(NORMAL)
    order = RNG.permutation(len(NORMAL))
    np.testing.assert_allclose(
        detector.score_samples(NORMAL[order]), detector.score_samples(NORMAL)[order]
    )


def test_units_of_features_do_not_matter():
    scaled = NORMAL * [1e-3, 1.0, 1e6] + [7.0, 0.0, -3.0]
    a = GMMDetector(random_state=0).fit(NORMAL).score_samples(NORMAL)
    b = GMMDetector(random_state=0).fit(scaled).score_samples(scaled)
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("contamination", [0.05, 0.1, 0.5])
def test_contamination_is_the_share_of_training_clips_beyond_the_threshold(
    contamination,
):
    detector = GMMDetector(contamination=contamination, random_state=0).fit(NORMAL)
    share = np.mean(detector.predict(NORMAL) == -1)
    assert share == pytest.approx(contamination, abs=1 / len(NORMAL))


def test_decision_and_labels_agree():
    detector = GMMDetector(random_state=0).fit(NORMAL)
    X = np.concatenate([NORMAL, NORMAL + 30])
    decision = detector.decision_function(X)
    np.testing.assert_allclose(decision, detector.score_samples(X) - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X), np.where(decision >= 0, 1, -1))
    assert (detector.predict(NORMAL + 30) == -1).all()


def test_float32_features_that_break_a_plain_mixture_can_be_fitted():
    X = np.random.default_rng(1).normal(size=(20, 128)).astype(np.float32)
    scores = GMMDetector(2, "full", random_state=42).fit(X).score_samples(X)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("contamination", [0.0, -0.1, 0.6, np.nan])
def test_impossible_contamination_is_refused(contamination):
    with pytest.raises(ValueError, match="contamination"):
        GMMDetector(contamination=contamination).fit(NORMAL)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((10, 3), np.nan), "NaN"),
        (np.zeros((1, 3)), "minimum of 2"),
        (np.zeros((4, 3)), "n_samples >= n_components"),
        (np.zeros(10), "2D array"),
    ],
)
def test_bad_training_features_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        GMMDetector(n_components=5).fit(X)


def test_test_clips_of_another_shape_are_refused():
    detector = GMMDetector().fit(NORMAL)
    with pytest.raises(ValueError, match="2 features, but GMMDetector is expecting 3"):
        detector.score_samples(NORMAL[:, :2])


def test_asking_before_fitting_is_refused():
    with pytest.raises(NotFittedError):
        anomaly_score(GMMDetector(), NORMAL)
