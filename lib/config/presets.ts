/** Names of the timeouts that NIST recommends for an authentication assurance level. */
export const PRESETS = ['aal1', 'aal2', 'aal3'] as const;

/** One of {@link PRESETS}. */
export type TimeoutPreset = (typeof PRESETS)[number];

/** Seconds. What a level does not ask for is left out, and the module's own default stands. */
interface PresetTimeouts {
  readonly idleTimeoutSeconds?: number;
  readonly absoluteTimeoutSeconds?: number;
}

const HOUR = 3600;

/**
 * NIST SP 800-63B-4, sections 2.1.3, 2.2.3 and 2.3.3 (applied to sessions in section 5.2): the overall timeout, which starts anew with each
 * login, and the inactivity timeout. For AAL2 revision 3 had asked for 12 hours and 30 minutes.
 */
const TIMEOUTS: Readonly<Record<TimeoutPreset, PresetTimeouts>> = {
  aal1: { absoluteTimeoutSeconds: 30 * 24 * HOUR },
  aal2: { idleTimeoutSeconds: HOUR, absoluteTimeoutSeconds: 24 * HOUR },
  aal3: { idleTimeoutSeconds: HOUR / 4, absoluteTimeoutSeconds: 12 * HOUR },
};

/** Seconds of idle life where neither the settings nor a preset say. */
export const DEFAULT_IDLE_SECONDS = 1800;

/** What a preset says; nothing for anything else, which the validator refuses. */
export function timeoutsOf(preset: TimeoutPreset | undefined): PresetTimeouts {
  return (preset && TIMEOUTS[preset]) ?? {};
}
