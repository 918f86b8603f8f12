import type { Statement } from '../../database/session/sql-session.js';
import { timeOf } from './contact.statements.js';

/**
 * $2 time, $3 the events of one decision as a JSON array → they wait for their numbers. The id is drawn here, after the locks: of two
 * decisions about one identity, the later one has the higher id.
 */
export const INSERT_EVENTS: Statement = {
  name: 'event_outbox_insert',
  text: `insert into event_outbox (tenant_id, id, at, events)
    values ($1, nextval('event_outbox_id_seq'), ${timeOf('$2')}, $3::json)`,
};
