import { describe, expect, it } from '@jest/globals';
import { listPage } from '../../../lib/admin/views.js';

const NOW = Date.UTC(2026, 0, 2, 12);
const AN_HOUR_AGO = new Date(NOW - 3_600_000);
const NO_DATE = new Date(NaN);

const TIMES = { createdAt: AN_HOUR_AGO, authenticatedAt: AN_HOUR_AGO, lastAccessedAt: AN_HOUR_AGO };

/** What the page shows of one session in a column, without markup. */
function cellOf(label: string, times: Partial<Record<keyof typeof TIMES | 'expiresAt', Date>>): string {
  const info = {
    ...{ id: 'x'.repeat(47), principal: 'anna', device: undefined, current: false },
    ...TIMES,
    ...{ expiresAt: new Date(NOW + 7_200_000), ...times },
  };
  const page = listPage({
    ...{ search: 'anna', byId: false, isFirst: true, total: 1, notice: undefined },
    part: { sessions: [info], next: undefined },
    ...{ csrfToken: 'token', now: NOW },
  });
  const [, cell = 'no such column'] =
    new RegExp(`data-label="${label}"[^>]*>([\\s\\S]*?)</td>`).exec(page) ?? [];
  return cell
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

describe('times of a session on the admin page', () => {
  it('are shown with how far away they are', () => {
    expect(cellOf('Ends', {})).toBe('2026-01-02 14:00 in 2 hours');
    expect(cellOf('Last used', {})).toBe('2026-01-02 11:00 1 hour ago');
    expect(cellOf('Logged in', {})).toBe('2026-01-02 11:00 begun 11:00');
  });

  it('are left out where they are no dates, as the end of a session that lives for longer than dates reach', () => {
    expect(cellOf('Ends', { expiresAt: NO_DATE })).toBe('');
    expect(cellOf('Last used', { lastAccessedAt: NO_DATE })).toBe('');
    expect(cellOf('Logged in', { authenticatedAt: NO_DATE })).toBe('begun 2026-01-02 11:00');
    expect(cellOf('Logged in', { createdAt: NO_DATE })).toBe('2026-01-02 11:00 begun');
  });
});
