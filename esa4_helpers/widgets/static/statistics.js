/* How good ratings are: the ROC curve, the AUC, and the odds of a guess. */

/** Share of the values that pass a test. */
function share(values, test) {
  return values.filter(test).length / values.length;
}

/** Points of the ROC curve, as [false-alarm rate, recall]. */
function rocPoints(abnormal, normal) {
  const cuts = [...new Set([...abnormal, ...normal])].sort((a, b) => b - a);
  return [Infinity, ...cuts].map((cut) => [
    share(normal, (rating) => rating >= cut),
    share(abnormal, (rating) => rating >= cut),
  ]);
}

/** Rank of each value from 1 upwards; equal values share the mean of their ranks. */
function ranks(values) {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** In how many ways can `size` of these numbers be chosen so that they sum to
 *  `least` or more? Goes through all ways: with the first number, and without. */
function countWays(numbers, size, least) {
  if (size === 0) return least <= 0 ? 1 : 0;
  if (numbers.length < size) return 0;
  const [first, ...rest] = numbers;
  return countWays(rest, size - 1, least - first) + countWays(rest, size, least);
}

/** Judge ratings by the truth: AUC, and how many ways to guess do as well. */
function judge(ratings, isAbnormal) {
  const all = ranks(ratings);
  const size = isAbnormal.filter(Boolean).length;
  const observed = sum(all.filter((_, i) => isAbnormal[i]));
  const pairs = size * (ratings.length - size);
  return {
    auc: (observed - (size * (size + 1)) / 2) / pairs,
    asGood: countWays(all, size, observed),
    ways: countWays(all, size, -Infinity),
    size,
  };
}
