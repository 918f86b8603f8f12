import type { Allowance } from './rate-limiter.js';

/** The fields of draft-ietf-httpapi-ratelimit-headers. */
export function allowanceHeaders({
  callsPerMinute,
  remaining,
  resetSeconds,
}: Allowance): Record<string, string> {
  return {
    'ratelimit-policy': `"key";q=${callsPerMinute};w=60`,
    ratelimit: `"key";r=${remaining};t=${resetSeconds}`,
  };
}
