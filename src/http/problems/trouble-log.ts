import { Logger } from '@nestjs/common';

const PERIOD_MS = 1_000;

/**
 * Logs a cause that meets many calls at once, like a database that is down, once a second and not once a call.
 *
 * The line that follows says how many were left out.
 */
export class TroubleLog {
  private readonly logger = new Logger('Http');
  private readonly leftOut = new Map<string, { since: number; count: number }>();

  warn(cause: string, details: Record<string, unknown>): void {
    const now = performance.now();
    const last = this.leftOut.get(cause);
    if (last !== undefined && now - last.since < PERIOD_MS) {
      last.count++;
      return;
    }
    this.leftOut.set(cause, { since: now, count: 0 });
    this.logger.warn({
      cause,
      ...details,
      ...(last !== undefined && last.count > 0 && { leftOut: last.count }),
    });
  }
}
