export function median(values) {
  return quantile(values, 0.5);
}

/** @param {number} part 0 to 1: how much of the values is below it; between two of them, by how near it is to each. */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place % 1);
}

/** The ratios round by round: what one round was slowed down by, both sides suffered. */
export function pairedRatios(samples, others, figure = 'rps') {
  return samples.map((sample, round) => sample[figure] / others[round][figure]);
}

/** The median of the ratios round by round. */
export function pairedRatio(samples, others, figure) {
  return median(pairedRatios(samples, others, figure));
}
