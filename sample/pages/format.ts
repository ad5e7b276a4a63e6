/** 450 as `€ 4.50`. */
export function price(cents: number): string {
  return `€ ${(cents / 100).toFixed(2)}`;
}

/** A moment as `2026-01-31 12:00:00 UTC`; a dash where there is none. */
export function moment(time: Date | number | undefined): string {
  if (time === undefined) return '–';
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
