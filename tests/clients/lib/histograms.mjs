/** Reads the histograms of a Prometheus text, and what was counted between two of them. */

const SAMPLE = /^(\w+?)_(bucket|sum|count)(?:\{([^}]*)\})? (\S+)$/;

const labels = (text = '') => Object.fromEntries(
  [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));

/**
 * The histograms of one family.
 * @returns {Map<string, {buckets: Array<[number, number]>, sum: number, count: number}>} by the value of
 *   their `stage`, or '' where they have none; buckets are bounds in seconds with cumulative counts
 */
export function histograms(text, family) {
  const found = new Map();
  for (const line of text.split('\n')) {
    const [, name, kind, rest, value] = SAMPLE.exec(line) ?? [];
    if (name !== family) continue;
    const { stage = '', le } = labels(rest);
    if (!found.has(stage)) found.set(stage, { buckets: [], sum: 0, count: 0 });
    const histogram = found.get(stage);
    if (kind === 'bucket') histogram.buckets.push([le === '+Inf' ? Infinity : Number(le), Number(value)]);
    else histogram[kind] = Number(value);
  }
  return found;
}

/** What was counted after `before`, which is of the same histogram. */
export function since(after, before) {
  return {
    buckets: after.buckets.map(([bound, count], i) => [bound, count - (before?.buckets[i][1] ?? 0)]),
    sum: after.sum - (before?.sum ?? 0),
    count: after.count - (before?.count ?? 0),
  };
}

/** The value below which a share of what was counted lies, in ms: within its bucket taken as even. */
export function quantileMs({ buckets, count }, share) {
  const wanted = count * share;
  let [low, below] = [0, 0];
  for (const [bound, upTo] of buckets) {
    if (upTo >= wanted && upTo > below) {
      const high = Number.isFinite(bound) ? bound : low;
      return (low + (high - low) * ((wanted - below) / (upTo - below))) * 1000;
    }
    [low, below] = [bound, upTo];
  }
  return null;
}
