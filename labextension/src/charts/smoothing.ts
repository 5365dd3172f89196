/**
 * Exponential smoothing as TensorBoard does it: the average begins at zero and is freed from that
 * bias, so the first values are no darker than the last. What is no number stays as it is and
 * leaves the average alone.
 *
 * @param weight - of what came before, 0 (none) to below 1
 */
export function smooth(values: readonly number[], weight: number): readonly number[] {
  // One value throughout stays itself; rounding would make it waver.
  if (weight <= 0 || values.every(value => value === values[0])) {
    return values;
  }
  const w = Math.min(weight, 0.9999);
  let average = 0;
  let bias = 1;
  return values.map(value => {
    if (!Number.isFinite(value)) {
      return value;
    }
    average = average * w + (1 - w) * value;
    bias *= w;
    return average / (1 - bias);
  });
}
