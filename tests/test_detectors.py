from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import median_abs_deviation, norm
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from esa4_helpers import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    NearDuplicatesWarning,
    ShrunkWhitening,
    TwoSidedDetector,
    anomaly_score,
    conformal_threshold,
    held_out_scores,
)
from esa4_helpers.detectors import OutlierDetector, PanelDetector

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(5, 2, (60, 3))


@parametrize_with_checks(
    [
        GMMDetector(),
        GMMDetector(1, "full"),
        GMMDetector(2, "shrunk"),
        MahalanobisDetector(),
        KNNDetector(),
        KNNDetector(1),
        TwoSidedDetector(),
        PanelDetector(MahalanobisDetector()),
        ShrunkWhitening(),
    ]
)
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


def test_the_threshold_itself_is_normal():
    class Given(OutlierDetector):
        offset_ = -1.5

        def score_samples(self, X: np.ndarray) -> np.ndarray:
            return -X[:, 0]

    X = np.array([[1.5], [np.nextafter(1.5, 2)], [1.0], [9.0]])
    assert Given().predict(X).tolist() == [1, -1, 1, -1]


def test_by_default_a_mixture_is_scikit_learns_of_two():
    X = RNG.normal(size=(40, 2)) + RNG.choice([0, 5], (40, 1))
    Z = StandardScaler().fit_transform(X)
    expected = GaussianMixture(2, covariance_type="diag", random_state=0).fit(Z)
    np.testing.assert_allclose(
        GMMDetector(random_state=0).fit(X).score_samples(X), expected.score_samples(Z)
    )


def test_by_default_neighbours_are_three_and_a_panel_has_one_part():
    three, part = KNNDetector(3).fit(NORMAL), PanelDetector(KNNDetector()).fit(NORMAL)
    np.testing.assert_array_equal(
        KNNDetector().fit(NORMAL).score_samples(NORMAL), three.score_samples(NORMAL)
    )
    assert len(part.detectors_) == 1


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
        (np.eye(4, 3), "n_samples >= n_components"),
        (np.zeros((9, 3)), "all 9 training samples are the same"),
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


# Detectors that share the threshold of `predict`.
ALL = {
    "gmm": GMMDetector(random_state=0),
    "gmm shrunk": GMMDetector(1, "shrunk"),
    "mahalanobis": MahalanobisDetector(),
    "knn": KNNDetector(),
    "two-sided": TwoSidedDetector(),
    "panel": PanelDetector(MahalanobisDetector(), n_parts=2),
}
SINGLE = [name for name in ALL if name != "panel"]
# Those that know how features move together.
WHITENED = ("gmm shrunk", "mahalanobis", "knn")


def correlated(n_samples: int, n_features: int, rng=RNG) -> np.ndarray:
    """Features that rise and fall together, as neighbouring mel bands do."""
    common = rng.normal(size=(n_samples, 1))
    return 10 + 3 * common + 0.3 * rng.normal(size=(n_samples, n_features))


@pytest.fixture(params=ALL)
def detector(request: pytest.FixtureRequest) -> OutlierDetector:
    return clone(ALL[request.param])


class TestAllDetectors:
    X = correlated(50, 4)

    def test_permuting_samples_permutes_scores(self, detector):
        detector.fit(self.X)
        new, order = correlated(30, 4), RNG.permutation(30)
        np.testing.assert_allclose(
            detector.score_samples(new[order]), detector.score_samples(new)[order]
        )

    @pytest.mark.parametrize("method", ["score_samples", "explain"])
    def test_refused_samples_leave_it_as_it_is(self, detector, method):
        ask = getattr(detector.fit(self.X), method)
        expected = ask(self.X)
        name = type(detector).__name__
        for n_features in (2, 6):
            other = np.ones((3, n_features))
            with pytest.raises(
                ValueError, match=f"{n_features} features, but {name} is expecting 4"
            ):
                ask(other)
        np.testing.assert_array_equal(ask(self.X), expected)

    def test_by_default_a_tenth_of_the_training_samples_is_beyond_the_threshold(
        self, detector
    ):
        assert np.sum(detector.fit(self.X).predict(self.X) == -1) == 5

    def test_far_above_and_far_below_are_abnormal(self, detector):
        detector.fit(self.X)
        mean = self.X.mean(axis=0)
        far = np.stack([mean + 100, mean - 100])
        assert (
            anomaly_score(detector, far).min() > anomaly_score(detector, self.X).max()
        )
        assert (detector.predict(far) == -1).all()
        assert detector.predict([mean])[0] == 1

    def test_a_new_value_of_a_feature_that_never_changed_is_abnormal(self, detector):
        X = np.column_stack([self.X, np.full((50, 2), 7.0)])
        detector.fit(X)
        changed = X.copy()
        changed[:, 4] += 50
        assert np.isfinite(detector.score_samples(X)).all()
        assert (detector.predict(changed) == -1).all()

    def test_units_of_features_do_not_matter(self, detector):
        units, zero = [1e-3, 1.0, 1e4, 50.0], [7.0, 0.0, -3.0, 1e3]
        new = correlated(20, 4)
        np.testing.assert_allclose(
            clone(detector)
            .fit(self.X * units + zero)
            .score_samples(new * units + zero),
            clone(detector).fit(self.X).score_samples(new),
            rtol=1e-6,
        )

    @pytest.mark.parametrize("contamination", [0.05, 0.3])
    def test_contamination_is_the_share_of_training_samples_beyond_the_threshold(
        self, detector, contamination
    ):
        detector.set_params(contamination=contamination).fit(self.X)
        share = np.mean(detector.predict(self.X) == -1)
        assert share == pytest.approx(contamination, abs=1 / len(self.X))

    @pytest.mark.parametrize("contamination", [0.0, 0.6, np.nan])
    def test_impossible_contamination_is_refused(self, detector, contamination):
        with pytest.raises(ValueError, match="contamination"):
            detector.set_params(contamination=contamination).fit(self.X)

    def test_contamination_is_a_number(self, detector):
        with pytest.raises(
            TypeError, match="contamination must be a number, got '0.1'"
        ):
            detector.set_params(contamination="0.1").fit(self.X)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X: X.astype(str), "X must hold numbers, got texts"),
            (lambda X: np.ma.masked_greater(X, 15), "X is a masked array"),
        ],
        ids=["texts", "masked"],
    )
    def test_what_only_looks_like_numbers_is_refused(self, detector, change, message):
        fitted, X = clone(detector).fit(self.X), change(self.X)
        for ask in (detector.fit, fitted.score_samples, fitted.explain):
            with pytest.raises(TypeError, match=message):
                ask(X)

    @pytest.mark.parametrize("unit", [1e-200, 1e160])
    def test_numbers_whose_squares_are_lost_are_refused(self, detector, unit):
        fitted, X = clone(detector).fit(self.X), unit * self.X
        for ask in (detector.fit, fitted.score_samples, fitted.explain):
            with pytest.raises(ValueError, match="amount in X is .* another unit"):
                ask(X)

    def test_a_failed_fit_leaves_it_as_it_was(self, detector, monkeypatch):
        def break_off(*args, **kwargs):
            raise KeyboardInterrupt

        scores = detector.fit(self.X).score_samples(self.X)
        with pytest.raises(ValueError, match="the same"):
            detector.fit(np.zeros((8, 3)))
        monkeypatch.setattr(OutlierDetector, "_place_threshold", break_off)
        with pytest.raises(KeyboardInterrupt):
            detector.fit(correlated(50, 4))
        np.testing.assert_array_equal(detector.score_samples(self.X), scores)

    # A plain mixture takes them for a distribution without any width.
    @pytest.mark.parametrize(
        "detector", [name for name in ALL if name != "gmm"], indirect=True
    )
    def test_samples_that_are_all_the_same_are_refused(self, detector):
        with pytest.raises(ValueError, match="all 8 training samples are the same"):
            detector.fit(np.tile(self.X[0], (8, 1)))

    @pytest.mark.parametrize(
        "detector", [name for name in SINGLE if name != "gmm"], indirect=True
    )
    def test_rounding_is_not_taken_for_how_samples_differ(self, detector):
        rounding = 1e-9 * np.random.default_rng(0).normal(size=(20, 1))
        steady = self.X[0] * (1 + rounding)
        with pytest.raises(ValueError, match="the same, but for rounding"):
            detector.fit(steady)
        steady[:, :1] += np.arange(20)[:, np.newaxis]
        assert np.abs(detector.fit(steady).score_samples(self.X)).max() < 1e6

    def test_median_of_each_feature_is_kept_as_typical(self, detector):
        np.testing.assert_array_equal(
            detector.fit(self.X).typical_, np.median(self.X, axis=0)
        )


class TestThresholdFromHeldOutSamples:
    # A panel standardises scores by those of the held-out samples.
    @pytest.mark.parametrize("detector", SINGLE, indirect=True)
    def test_is_the_conformal_one_of_their_scores(self, detector):
        X = correlated(30, 4)
        scores = held_out_scores(clone(detector), X, cv=5)
        detector.set_params(cv=5, contamination=0.2).fit(X)
        np.testing.assert_array_equal(detector.normal_scores_, scores)
        assert -detector.offset_ == conformal_threshold(scores, 0.2)

    def test_of_too_few_samples_the_highest_score_is_the_threshold(self, detector):
        detector.set_params(cv=4).fit(correlated(8, 4))
        assert -detector.offset_ == detector.normal_scores_.max()

    def test_keeps_its_rate_where_the_plain_quantile_does_not(self, detector):
        rng, alarms = np.random.default_rng(0), {"kept": [], "plain": []}
        for _ in range(60):
            X, new = (correlated(n_samples, 4, rng) for n_samples in (20, 200))
            scores = anomaly_score(detector.set_params(cv=5).fit(X), new)
            plain = np.quantile(detector.normal_scores_, 0.9)
            alarms["kept"].append(np.mean(detector.predict(new) == -1))
            alarms["plain"].append(np.mean(scores > plain))
        assert np.mean(alarms["kept"]) < 0.12
        assert np.mean(alarms["plain"]) > np.mean(alarms["kept"]) + 0.02

    @pytest.mark.parametrize("name", [*WHITENED, "panel"])
    def test_keeps_its_rate_with_fewer_samples_than_features(self, name):
        rng = np.random.default_rng(0)
        share_of_alarms = {None: [], 5: []}
        for _ in range(4):
            X, new = (correlated(n_samples, 100, rng) for n_samples in (40, 200))
            for cv, alarms in share_of_alarms.items():
                detector = clone(ALL[name]).set_params(cv=cv, contamination=0.1)
                alarms.append(np.mean(detector.fit(X).predict(new) == -1))
        assert 0.02 < np.mean(share_of_alarms[5]) < 0.2
        # A sample is no neighbour of itself, which is nearly as good as held out.
        if name != "knn":
            assert np.mean(share_of_alarms[None]) > 0.6

    @pytest.mark.parametrize("detector", SINGLE, indirect=True)
    def test_leaves_the_scores_as_they_are(self, detector):
        X, new = correlated(30, 4), correlated(10, 4)
        np.testing.assert_array_equal(
            clone(detector).set_params(cv=5).fit(X).score_samples(new),
            clone(detector).fit(X).score_samples(new),
        )

    def test_needs_a_sample_for_each_fold(self, detector):
        assert np.isfinite(detector.set_params(cv=6).fit(correlated(6, 4)).offset_)
        with pytest.raises(ValueError, match="at least 7 clips.*cv=7.*got 6"):
            detector.set_params(cv=7).fit(correlated(6, 4))

    def test_copies_that_leave_a_fold_without_any_other_are_counted(self, detector):
        X = np.vstack([np.zeros((7, 4)), np.ones((1, 4))])
        with (
            pytest.warns(NearDuplicatesWarning),
            pytest.raises(ValueError, match="^7 of 8 samples .* with . of 8 held out"),
        ):
            detector.set_params(cv=4).fit(X)

    @pytest.mark.parametrize(
        ("cv", "error", "message"),
        [
            (1, ValueError, "cv must be at least 2, got 1"),
            (2.5, TypeError, "cv must be a whole number"),
        ],
    )
    def test_impossible_folds_are_refused(self, detector, cv, error, message):
        with pytest.raises(error, match=message):
            detector.set_params(cv=cv).fit(correlated(20, 4))


class TestShrunkWhitening:
    def test_many_training_samples_become_a_round_cloud(self):
        X = RNG.normal(size=(5000, 1)) + RNG.normal(size=(5000, 5)) * [1, 2, 1, 2, 1]
        X *= [1, 10, 100, 1, 1]
        assert np.corrcoef(X.T).min() > 0.1
        white = ShrunkWhitening().fit_transform(X)
        np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(np.cov(white.T, ddof=0), np.eye(5), atol=0.05)

    @pytest.mark.parametrize(
        ("n_samples", "n_features"), [(200, 5), (30, 30), (12, 100)]
    )
    def test_agrees_with_ledoit_and_wolfs_covariance(self, n_samples, n_features):
        X, new = correlated(n_samples, n_features), correlated(20, n_features)
        whitening = ShrunkWhitening().fit(X)
        scaler = StandardScaler().fit(X)
        expected = LedoitWolf().fit(scaler.transform(X))
        np.testing.assert_allclose(
            np.sum(whitening.transform(new) ** 2, axis=1),
            expected.mahalanobis(scaler.transform(new)),
            rtol=1e-4,
        )
        assert whitening.shrinkage_ == pytest.approx(expected.shrinkage_)

    def test_what_breaks_the_pattern_is_further_than_what_follows_it(self):
        X = correlated(20, 50)
        follows = np.full((1, 50), X.mean() + 3)
        breaks = X.mean() + np.tile([3.0, -3.0], 25)[np.newaxis]
        whitening = ShrunkWhitening().fit(X)
        lengths = np.linalg.norm(
            whitening.transform(np.vstack([follows, breaks])), axis=1
        )
        assert lengths[1] > 5 * lengths[0]

    def test_fewer_samples_are_trusted_less(self):
        shrinkage = [
            ShrunkWhitening().fit(RNG.normal(size=(n, 20)) + NORMAL[:n, :1]).shrinkage_
            for n in (5, 20, 60)
        ]
        assert 1 >= shrinkage[0] > shrinkage[1] > shrinkage[2] > 0

    @pytest.mark.parametrize(("n_samples", "n_features"), [(50, 4), (10, 40)])
    def test_lengths_are_scikit_learns_mahalanobis_distances(
        self, n_samples, n_features
    ):
        X = correlated(n_samples, n_features)
        whitening = ShrunkWhitening().fit(X)
        standard = StandardScaler().fit(X)
        reference = LedoitWolf(assume_centered=True).fit(standard.transform(X))
        new = correlated(20, n_features)
        np.testing.assert_allclose(
            np.sum(whitening.transform(new) ** 2, axis=1),
            reference.mahalanobis(standard.transform(new)),
            rtol=1e-3,
        )
        assert whitening.shrinkage_ == pytest.approx(reference.shrinkage_)

    def test_refused_samples_leave_it_as_it_is(self):
        X = correlated(20, 4)
        whitening = ShrunkWhitening().fit(X)
        with pytest.raises(ValueError, match="3 features, but ShrunkWhitening is"):
            whitening.transform(X[:, :3])
        assert whitening.transform(X).shape == (20, 4)

    def test_a_failed_fit_leaves_it_as_it_was(self):
        X = correlated(20, 4)
        whitening = ShrunkWhitening().fit(X)
        white = whitening.transform(X)
        for others in (np.ones((8, 4)), np.ones((8, 3)), [["a"], ["b"]]):
            with pytest.raises((ValueError, TypeError)):
                whitening.fit(others)
            np.testing.assert_array_equal(whitening.transform(X), white)

    def test_two_samples_are_enough(self):
        white = ShrunkWhitening().fit_transform(correlated(2, 100))
        assert np.isfinite(white).all()
        np.testing.assert_allclose(white[0], -white[1], rtol=1e-5)

    def test_samples_that_are_all_the_same_are_refused(self):
        with pytest.raises(ValueError, match="all 4 training samples are the same"):
            ShrunkWhitening().fit(np.ones((4, 3)))

    def test_asking_before_fitting_is_refused(self):
        with pytest.raises(NotFittedError):
            ShrunkWhitening().transform(NORMAL)


@pytest.mark.parametrize("name", WHITENED)
def test_what_breaks_the_correlation_is_found_within_the_range_of_each_feature(name):
    X = correlated(100, 2)
    broken = np.median(X, axis=0) + [[3.0, -3.0], [-3.0, 3.0]]
    assert (X.min(axis=0) < broken).all()
    assert (broken < X.max(axis=0)).all()
    assert (clone(ALL[name]).fit(X).predict(broken) == -1).all()
    for blind in (GMMDetector(1, "diag"), TwoSidedDetector()):
        assert (blind.fit(X).predict(broken) == 1).all()


def test_shrunk_mixture_finds_what_lies_between_two_clusters():
    clusters = np.append(
        RNG.normal(-10, 1, (50, 1)), RNG.normal(10, 1, (50, 1)), axis=0
    )
    assert (
        GMMDetector(2, "shrunk", random_state=0).fit(clusters).predict([[0]])[0] == -1
    )
    assert GMMDetector(1, "shrunk", random_state=0).fit(clusters).predict([[0]])[0] == 1


def test_mahalanobis_of_one_feature_is_the_squared_standard_score():
    X = NORMAL[:, :1]
    z = (X[:, 0] - X.mean()) / X.std()
    scores = anomaly_score(MahalanobisDetector().fit(X), X)
    np.testing.assert_allclose(scores, z**2, rtol=1e-4)


class TestKNN:
    @pytest.mark.parametrize("n_neighbors", [1, 3, 7])
    def test_agrees_with_brute_force(self, n_neighbors):
        X, new = correlated(30, 20), correlated(10, 20)
        detector = KNNDetector(n_neighbors).fit(X)
        whitening = ShrunkWhitening().fit(X)
        distances = cdist(whitening.transform(new), whitening.transform(X))
        nearest = np.sort(distances, axis=1)[:, :n_neighbors]
        np.testing.assert_allclose(
            anomaly_score(detector, new), nearest.mean(axis=1), rtol=1e-6
        )

    @pytest.mark.parametrize(("n_samples", "n_features"), [(30, 2), (1000, 768)])
    def test_a_training_sample_is_no_neighbour_of_itself(self, n_samples, n_features):
        X = np.random.default_rng(0).normal(size=(n_samples, n_features))
        detector = KNNDetector(1).fit(X)
        white = detector.whitening_.transform(X[:50])
        distances = cdist(white, detector.whitening_.transform(X))
        nearest_other = np.sort(distances, axis=1)[:, 1]
        np.testing.assert_allclose(
            anomaly_score(detector, X)[:50], nearest_other, rtol=1e-6
        )

    def test_but_its_twin_is(self):
        X = np.vstack([NORMAL, NORMAL[:1]])
        scores = anomaly_score(KNNDetector(1).fit(X), X)
        np.testing.assert_allclose(scores[[0, -1]], 0, atol=1e-6)
        assert scores[1:-1].min() > 1e-3

    def test_no_shape_of_the_cloud_is_assumed(self):
        angle = RNG.uniform(0, 2 * np.pi, 200)
        ring = np.column_stack([np.cos(angle), np.sin(angle)])
        ring += RNG.normal(0, 0.05, ring.shape)
        assert KNNDetector().fit(ring).predict([[0.0, 0.0]])[0] == -1
        assert MahalanobisDetector().fit(ring).predict([[0.0, 0.0]])[0] == 1

    def test_too_few_samples_are_refused(self):
        KNNDetector(3).fit(NORMAL[:4])
        with pytest.raises(
            ValueError, match="needs more than 3 training samples, got 3"
        ):
            KNNDetector(3).fit(NORMAL[:3])
        with pytest.raises(ValueError, match="n_neighbors must be at least 1"):
            KNNDetector(0).fit(NORMAL)


class TestTwoSided:
    def test_score_is_the_largest_distance_in_units_of_the_spread(self):
        detector = TwoSidedDetector().fit(NORMAL)
        unit = 1.4826 * np.median(np.abs(NORMAL - np.median(NORMAL, axis=0)), axis=0)
        x = np.median(NORMAL, axis=0) + unit * [[1, -5, 2], [0, 0, 3], [0, 0, 0]]
        np.testing.assert_allclose(anomaly_score(detector, x), [5, 3, 0], atol=1e-9)

    def test_spread_is_that_of_a_normal_distribution(self):
        X = np.random.default_rng(0).normal(5, [2, 0.1], (10000, 2))
        np.testing.assert_allclose(
            TwoSidedDetector().fit(X).spread_, [2, 0.1], rtol=0.05
        )

    def test_one_outlier_among_the_training_samples_does_not_blind_it(self):
        X = np.append(NORMAL[:, :1], [[1e6]], axis=0)
        assert TwoSidedDetector().fit(X).predict([[100.0]])[0] == -1

    def test_a_feature_that_hardly_ever_changes_keeps_a_spread(self):
        X = np.zeros((20, 1))
        X[0] = 1.0
        detector = TwoSidedDetector().fit(X)
        near, far = anomaly_score(detector, [[0.1], [10.0]])
        assert 0 < near < 1 < far < np.inf


class TestPanel:
    X = correlated(60, 6)

    def test_the_most_surprised_part_decides(self):
        panel = PanelDetector(MahalanobisDetector(), n_parts=3).fit(self.X)
        new = correlated(20, 6)
        new[:, 2] += 5
        surprise = []
        for part in (slice(0, 2), slice(2, 4), slice(4, 6)):
            single = MahalanobisDetector().fit(self.X[:, part])
            normal = anomaly_score(single, self.X[:, part])
            scores = anomaly_score(single, new[:, part])
            deviation = median_abs_deviation(normal, scale="normal")
            surprise.append((scores - np.median(normal)) / deviation)
        np.testing.assert_allclose(
            anomaly_score(panel, new), np.max(surprise, axis=0), rtol=1e-5
        )

    @pytest.mark.parametrize("cv", [None, 5])
    def test_normal_scores_have_the_unit_of_their_own_part(self, cv):
        # Parts that differ in how their scores scatter, held out or not.
        X = self.X + RNG.standard_t(3, self.X.shape)
        panel = PanelDetector(KNNDetector(), n_parts=3, cv=cv).fit(X)
        parts = np.split(X, 3, axis=1)
        normal = np.transpose(
            [
                held_out_scores(KNNDetector(), part, 5)
                if cv
                else anomaly_score(KNNDetector().fit(part), part)
                for part in parts
            ]
        )
        centre = np.median(normal, axis=0)
        spread = median_abs_deviation(normal, scale="normal")
        np.testing.assert_allclose(panel.centre_, centre)
        np.testing.assert_allclose(panel.spread_, spread, rtol=1e-5)
        np.testing.assert_allclose(
            panel.normal_scores_, ((normal - centre) / spread).max(axis=1), rtol=1e-5
        )
        # What explains a score is in the same unit.
        typical = np.median(X, axis=0)
        odd = typical + [0, 0, 9, 0, 0, 0]
        single = KNNDetector().fit(parts[1])
        more = np.subtract(
            *anomaly_score(single, [odd[2:4], typical[2:4]]), dtype=np.float64
        )
        np.testing.assert_allclose(
            panel.explain([odd]), [[0, 0, more / spread[1], 0, 0, 0]], 1e-5, 1e-9
        )

    def test_a_stray_among_the_normal_samples_makes_no_part_deaf(self):
        X, fault = self.X.copy(), np.median(self.X, axis=0)[np.newaxis].copy()
        fault[:, 0] += 3
        X[0, :2] += [40, -40]
        normal = correlated(20, 6)
        for cv in (None, 5):
            panel = PanelDetector(TwoSidedDetector(), n_parts=3, cv=cv).fit(X)
            scores = anomaly_score(
                panel, fault + 4 * X.std(axis=0) * [1, 0, 0, 0, 0, 0]
            )
            assert scores[0] > anomaly_score(panel, normal).max()

    def test_parts_are_judged_alone(self):
        panel = PanelDetector(MahalanobisDetector(), n_parts=6).fit(self.X)
        broken = np.median(self.X, axis=0) + [3, -3, 3, -3, 3, -3]
        assert panel.predict([broken])[0] == 1
        whole = PanelDetector(MahalanobisDetector(), n_parts=1).fit(self.X)
        assert whole.predict([broken])[0] == -1

    def test_takes_only_what_scores(self):
        with pytest.raises(TypeError, match=r"method score_samples, got KMeans\(\)"):
            PanelDetector(KMeans()).fit(self.X)

    def test_leaves_the_detector_it_was_given_alone(self):
        single = MahalanobisDetector()
        PanelDetector(single, n_parts=2).fit(self.X)
        with pytest.raises(NotFittedError):
            single.score_samples(self.X[:, :3])

    @pytest.mark.parametrize(
        ("n_parts", "message"),
        [
            (4, "6 features can't be split into n_parts=4 equal parts"),
            (0, "n_parts must be at least 1"),
        ],
    )
    def test_impossible_parts_are_refused(self, n_parts, message):
        with pytest.raises(ValueError, match=message):
            PanelDetector(MahalanobisDetector(), n_parts).fit(self.X)


@pytest.mark.parametrize("covariance_type", ["diag", "shrunk"])
@pytest.mark.parametrize(
    ("cv", "message"),
    [(None, "n_samples >= n_components"), (5, "training needs at least 5 clips")],
)
def test_fewer_samples_than_gaussians_are_refused(covariance_type, cv, message):
    with pytest.raises(ValueError, match=message):
        GMMDetector(5, covariance_type, cv=cv).fit(NORMAL[:4])


class TestExplaining:
    X = correlated(60, 4)

    def test_names_the_feature_that_is_odd(self, detector):
        detector.fit(self.X)
        odd = np.tile(np.median(self.X, axis=0), (4, 1))
        np.fill_diagonal(odd, odd.diagonal() + 8 * self.X.std(axis=0))
        shares = detector.explain(odd)
        assert shares.shape == (4, 4)
        assert (shares.argmax(axis=1) == np.arange(4)).all()
        assert shares.min() >= 0

    def test_a_typical_sample_has_nothing_to_explain(self, detector):
        detector.fit(self.X)
        typical = np.median(self.X, axis=0)
        np.testing.assert_allclose(detector.explain([typical]), 0, atol=1e-9)

    def test_clips_are_explained_one_by_one(self, detector):
        shares = detector.fit(self.X).explain(self.X[:5])
        np.testing.assert_allclose(
            detector.explain(self.X[[3, 1]]), shares[[3, 1]], atol=1e-9
        )

    def test_asking_before_fitting_is_refused(self, detector):
        with pytest.raises(NotFittedError):
            detector.explain(self.X)


def test_without_folds_recordings_play_no_part():
    plain = MahalanobisDetector().fit(NORMAL)
    grouped = MahalanobisDetector().fit(NORMAL, groups=np.zeros(60))
    assert plain.offset_ == grouped.offset_
