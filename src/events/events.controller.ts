import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../access/access.js';
import { DatabaseUnavailableError } from '../database/session/unavailable.js';
import { ApiProblems } from '../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../http/problems/problem.errors.js';
import { ApiNewest, readIsNewestFirst, readLimit } from '../identity/api/dto/page.js';
import { EVENT_TYPES, type EventType } from '../identity/domain/events.js';
import { EventsResponse } from './dto/events.response.js';
import { CursorExpiredError, EventsDisabledError } from './event.errors.js';
import { EventFeed, type Start } from './event-feed.js';
import { cursorOf } from './head.js';

/** Shorter than what proxies allow an answer to take. */
const WAIT_MAX_S = 8;

@ApiTags('events')
@Controller('events')
export class EventsController {
  constructor(private readonly feed: EventFeed) {}

  @Get()
  @RequiresScope('events')
  @ApiOperation({
    operationId: 'listEvents',
    summary: 'Follow what changes: which identities are new, merged, split or gone',
    description:
      'All events of the tenant in one order, without gaps: whoever goes on with `next` misses none and sees none twice. Events of one identity are in the order of its changes. An export prints the cursor of its moment, so that a copy of all identities can be kept up to date from then on.',
  })
  @ApiNewest(
    '`newest`: the newest first, to look at what happened last. `next` then leads to older events, and `hasMore` tells whether there are any; `wait` must be absent. Absent: the oldest first.',
  )
  @ApiQuery({
    name: 'after',
    required: false,
    description:
      'The `next` of the page before, the id of an event, or the cursor of an export. `latest`: the end of the log. Absent: from the first event of the order on.',
    schema: { type: 'string' },
  })
  @ApiQuery({
    name: 'limit',
    required: false,
    description: 'The most events of a page.',
    schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  })
  @ApiQuery({
    name: 'types',
    required: false,
    description: 'Only events of these types, separated by commas. Absent: all.',
    schema: { type: 'string' },
    example: 'identity.merged,identity.split',
  })
  @ApiQuery({
    name: 'wait',
    required: false,
    description: 'How many seconds to wait for an event if there is none.',
    schema: { type: 'integer', minimum: 0, maximum: WAIT_MAX_S, default: 0 },
  })
  @ApiOkResponse({ type: EventsResponse, description: 'The next events; none if nothing happened.' })
  @ApiProblems(
    {
      400: '`order`, `after`, `limit`, `types` or `wait` is not valid.',
      404: 'The service leaves no events: EVENTS_ENABLED is false.',
      410: 'Not all events after the cursor are there. Start again with an export.',
      503: 'The database is not available. Safe to repeat.',
    },
    new EventsDisabledError(),
    new CursorExpiredError(),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async list(
    @TenantId() tenantId: number,
    @Query('order') order: unknown,
    @Query('after') after: unknown,
    @Query('limit') limit: unknown,
    @Query('types') types: unknown,
    @Query('wait') wait: unknown,
  ): Promise<EventsResponse> {
    const start = readStart(after);
    const options = { limit: readLimit(limit), types: readTypes(types), waitMs: readWait(wait) * 1000 };
    if (readIsNewestFirst(order)) {
      if (options.waitMs > 0) {
        const message = 'wait must be absent with the order newest: nothing newer comes there';
        throw new InvalidRequestError([{ field: 'wait', message }]);
      }
      const before = typeof start === 'string' ? null : start;
      return new EventsResponse(await this.feed.readNewest(tenantId, before, options));
    }
    return new EventsResponse(await this.feed.read(tenantId, start, options));
  }
}

/** @throws {InvalidRequestError} if it is no cursor */
function readStart(value: unknown): Start {
  if (value === undefined) {
    return 'oldest';
  }
  const start = value === 'latest' ? value : typeof value === 'string' ? cursorOf(value) : null;
  if (start === null) {
    const message = 'after must be the next of another page, the cursor of an export, or latest';
    throw new InvalidRequestError([{ field: 'after', message }]);
  }
  return start;
}

/** @throws {InvalidRequestError} if there is no such type */
function readTypes(value: unknown): readonly EventType[] | null {
  if (value === undefined) {
    return null;
  }
  const names = typeof value === 'string' ? value.split(',') : [];
  if (names.length === 0 || !names.every((name) => (EVENT_TYPES as readonly string[]).includes(name))) {
    const message = `types must be some of ${EVENT_TYPES.join(', ')}, separated by commas`;
    throw new InvalidRequestError([{ field: 'types', message }]);
  }
  return names as EventType[];
}

/** @throws {InvalidRequestError} if it is not a whole number of seconds in the range */
function readWait(value: unknown): number {
  if (value === undefined) {
    return 0;
  }
  const seconds = typeof value === 'string' && /^\d$/.test(value) ? Number(value) : Infinity;
  if (seconds > WAIT_MAX_S) {
    const message = `wait must be a whole number of seconds from 0 to ${WAIT_MAX_S}`;
    throw new InvalidRequestError([{ field: 'wait', message }]);
  }
  return seconds;
}
