import { Command, Option } from 'commander';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Review } from '../identity/store/review-records.js';
import type { OpenService } from '../transfer/open-service.js';
import { TransferError } from '../transfer/files.js';
import { readWholeNumber } from './arguments.js';
import { ACTOR, ask } from './ask.js';
import { stoppedBySignals } from './import.command.js';
import { minute, named, table } from './output.js';
import type { Terminal } from './terminal.js';

const PAGE_SIZE = 200;
const ANY = 'any';

export function reviewsCommand(terminal: Terminal): Command {
  return new Command('reviews')
    .description('Shows the links that a limit or a rule withheld, and decides on them.')
    .addCommand(listCommand(terminal))
    .addCommand(decideCommand(terminal));
}

function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .description('Lists the reviews, the oldest first.')
    .addOption(new Option('--state <state>', 'which ones').choices(['open', 'decided']).default('open'))
    .option('--tenant <name>', 'tenant of the reviews (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async ({ state, tenant, json }: { state: string; tenant?: string; json?: true }) => {
      const { ReviewDto } = await import('../identity/api/dto/review.response.js');
      const reviews = await ask(terminal, tenant, (service) => allReviews(service, state === 'open'));
      terminal.print(
        json
          ? `${JSON.stringify(reviews.map((review) => new ReviewDto(review)))}\n`
          : table([
              ['ID', 'IDENTIFIER', 'OTHER', 'WITHHELD BY', 'CONTACTS', 'OPENED', 'DECISION'],
              ...reviews.map(({ id, identifiers: [one, other], reason, contactIds, createdAt, decision }) => [
                String(id),
                named([one]),
                named([other]),
                reason,
                contactIds.join(', ') || '-',
                minute(new Date(createdAt / 1000)),
                decision ?? '-',
              ]),
            ]),
      );
    });
}

interface DecideFlags {
  readonly all?: 'limit' | 'do-not-link' | typeof ANY;
  readonly file?: string;
  readonly decision: 'link' | 'keep-apart';
  readonly reason: string;
  readonly dryRun?: true;
  readonly retryFor: number;
  readonly tenant?: string;
  readonly quiet?: true;
  readonly json?: true;
}

function decideCommand(terminal: Terminal): Command {
  return new Command('decide')
    .description(
      'Decides reviews, each by a change of its own. Those that were decided before stay as they are, so it may be repeated.',
    )
    .argument('[ids...]', 'the reviews, as `reviews list` shows them', readIds)
    .addOption(
      new Option('--all <why>', 'instead of ids: every open review that was opened for this').choices([
        'limit',
        'do-not-link',
        ANY,
      ]),
    )
    .option('--file <path>', 'instead of ids: a file with an id in each line; - for the standard input')
    .addOption(
      new Option('--decision <decision>', 'link: they become one; keep-apart: a rule keeps them apart')
        .choices(['link', 'keep-apart'])
        .makeOptionMandatory(),
    )
    .requiredOption('--reason <text>', 'why; it is recorded, so put no identifiers in it')
    .option('--dry-run', 'tell what would be, and write nothing')
    .option(
      '--retry-for <seconds>',
      'how long to keep trying while the database can’t serve',
      readWholeNumber(0, 86_400),
      300,
    )
    .option('--tenant <name>', 'tenant of the reviews (default: the only tenant)')
    .option('--quiet', 'show no progress')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every review is decided, 1 some are not there or can’t be linked, 2 it could not run or was stopped.',
    )
    .action((ids: readonly number[], flags: DecideFlags) => decide(terminal, ids, flags));
}

async function decide(terminal: Terminal, ids: readonly number[], flags: DecideFlags): Promise<void> {
  const { all, file } = flags;
  if ([ids.length > 0, all !== undefined, file !== undefined].filter(Boolean).length !== 1) {
    throw new TransferError('Name the reviews: by their ids, by --all, or by --file.');
  }
  using stopping = stoppedBySignals(terminal);
  const { loadSettings } = await import('../config/load-settings.js');
  const { readBody } = await import('../identity/api/dto/read-body.js');
  const { ReviewRequest } = await import('../identity/api/dto/review.request.js');
  const { decideReviews, decisionSummaryJson, decisionSummaryText } =
    await import('../transfer/reviews/decide-reviews.js');
  const { decision, reason } = flags;
  const body = readBody(ReviewRequest, { decision, reason }, 'reject');
  const listed = file === undefined ? ids : await idsIn(terminal, file);
  const result = await decideReviews(loadSettings(terminal.env), {
    which: all === undefined ? { ids: listed } : { reason: all === ANY ? null : all },
    decision: body.decision,
    reason: body.reason,
    actor: ACTOR,
    isDryRun: flags.dryRun ?? false,
    tenant: flags.tenant ?? null,
    retryForMs: flags.retryFor * 1000,
    progress: flags.quiet ? null : terminal.streams.stderr,
    stop: stopping.signal,
  });
  terminal.print(flags.json ? decisionSummaryJson(result) : decisionSummaryText(result));
  if (!result.isComplete) {
    terminal.printError('Run the same command again: what is decided is not decided twice.\n');
  }
  const { blocked, missing } = result.tally;
  terminal.exitCode = result.isComplete ? (blocked + missing > 0 ? 1 : 0) : 2;
}

async function allReviews({ reviews, tenantId }: OpenService, isOpen: boolean): Promise<Review[]> {
  const all: Review[] = [];
  for (let after: number | null = null, isLast = false; !isLast;) {
    const page: Awaited<ReturnType<typeof reviews.list>> = await reviews.list(
      tenantId,
      isOpen,
      after,
      PAGE_SIZE,
    );
    all.push(...page.reviews);
    after = page.next;
    isLast = after === null;
  }
  return all;
}

/** The ids in the lines of a file. Empty lines are none. */
async function idsIn(terminal: Terminal, path: string): Promise<number[]> {
  const content = path === '-' ? await text(terminal.streams.stdin) : await readFile(path, 'utf8');
  return content.split('\n').flatMap((line, i) => {
    const id = line.trim();
    if (id === '') {
      return [];
    }
    if (!isId(id)) {
      throw new TransferError(`Line ${i + 1} is no id of a review.`);
    }
    return [Number(id)];
  });
}

function readIds(id: string, before: readonly number[] | undefined): number[] {
  return [...(before ?? []), readWholeNumber(1, Number.MAX_SAFE_INTEGER)(id)];
}

function isId(id: string): boolean {
  return /^\d{1,16}$/.test(id) && Number(id) >= 1 && Number.isSafeInteger(Number(id));
}
