import { Injectable, type StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { answerInTime } from '../batching/call.js';
import type { ChangeCall, ChangeOutcome } from '../change-writer.js';
import { ChangeUnderWayError } from '../change.errors.js';
import { LARGE_CONTACTS } from '../large.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ChangeResponse } from './dto/change.response.js';
import { RuleDto } from './dto/rule.dto.js';
import { MadeWhenSent } from './json-stream.js';
import { LargeAnswers } from './large-answers.js';

/** Memory of a contact in an answer, and of a rule, roughly. */
export const CONTACT_BYTES = 300;
const RULE_BYTES = 1_000;

/**
 * The outcome of a change that its caller waits for.
 *
 * @throws {ChangeUnderWayError} if it takes longer than a caller may wait; the change goes on
 */
export async function changeInTime<T>({ isDryRun }: ChangeCall, change: Promise<T>): Promise<T> {
  return isDryRun ? answerInTime(change) : answerInTime(change, () => new ChangeUnderWayError());
}

/** States the entity tag of the dry run of a call that creates something: 200, because nothing is created. */
export function stateDryRun(reply: FastifyReply, { etag }: { readonly etag: string | null }): void {
  if (etag !== null) {
    void reply.status(200).header('etag', etag);
  }
}

/** Answers changes by hand. */
@Injectable()
export class ChangeAnswers {
  constructor(
    private readonly largeAnswers: LargeAnswers,
    private readonly policies: PolicyDirectory,
  ) {}

  /**
   * The answer to a change, with the entity tag of a dry run; a stream if it has many contacts or rules.
   *
   * @throws as {@link changeInTime}; {@link OverloadedError} if too many large answers wait, or are not read
   */
  async of(
    call: ChangeCall,
    reply: FastifyReply,
    change: Promise<ChangeOutcome>,
  ): Promise<ChangeResponse | StreamableFile> {
    const outcome = await changeInTime(call, change);
    const { etag, identities, rules } = outcome;
    if (etag !== null) {
      void reply.header('etag', etag);
    }
    const { kinds } = await this.policies.of(call.tenantId);
    const contacts = identities.reduce((sum, view) => sum + view.secondaryContactIds.length + 1, 0);
    return contacts + rules.length < LARGE_CONTACTS
      ? new ChangeResponse(outcome, kinds)
      : this.largeAnswers.lists(contacts * CONTACT_BYTES + rules.length * RULE_BYTES, {
          ...new ChangeResponse({ ...outcome, rules: [] }, kinds),
          rules: new MadeWhenSent(rules, (rule) => new RuleDto(rule)),
        });
  }
}
