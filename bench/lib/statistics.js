export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of the ratios round by round: what one round was slowed down by, both sides suffered. */
export function pairedRatio(samples, others, figure = 'rps') {
  return median(samples.map((sample, round) => sample[figure] / others[round][figure]));
}
