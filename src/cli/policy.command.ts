import { Command, Option } from 'commander';
import { readFile } from 'node:fs/promises';
import { AdministrationError } from '../access/access.errors.js';
import type {
  ExceedingIdentityDto,
  KindDto,
  PolicyChangeResponse,
  PolicyResponse,
} from '../identity/api/dto/policy.response.js';
import { NORMALISERS, type Normaliser } from '../identity/domain/kinds.js';
import { fileTrouble, TransferError } from '../transfer/files.js';
import { readWholeNumber } from './arguments.js';
import { ask, changeOf } from './ask.js';
import { table } from './output.js';
import type { Terminal } from './terminal.js';

const LIMIT_MAX = 1_000_000;
const PRIORITY_MAX = 1_000;

interface ChangeFlags {
  readonly reason?: string;
  readonly dryRun?: true;
  readonly tenant?: string;
  readonly json?: true;
}

/** The body of `PUT /policy`, before it is read. */
type Body = Readonly<Record<string, unknown>>;

export function policyCommand(terminal: Terminal): Command {
  return new Command('policy')
    .description('Shows and changes how far an identity may grow, and by which kinds of identifiers.')
    .addCommand(showCommand(terminal))
    .addCommand(setCommand(terminal))
    .addCommand(
      new Command('kinds')
        .description('Declares and retires kinds of identifiers beside emails and phone numbers.')
        .addCommand(addCommand(terminal))
        .addCommand(
          retirementCommand(
            terminal,
            'retire',
            true,
            'Lets new calls name a kind no more. What is stored stays.',
          ),
        )
        .addCommand(
          retirementCommand(terminal, 'restore', false, 'Lets new calls name a retired kind again.'),
        ),
    );
}

function showCommand(terminal: Terminal): Command {
  return new Command('show')
    .description('Shows the policy.')
    .option('--tenant <name>', 'tenant of the policy (default: the only tenant)')
    .option('--json', 'as JSON, which `policy set --file` takes')
    .action(async ({ tenant, json }: { tenant?: string; json?: true }) => {
      const { PolicyResponse: Shown } = await import('../identity/api/dto/policy.response.js');
      const policy = await ask(
        terminal,
        tenant,
        async ({ policy: stored, tenantId }) => new Shown(await stored.read(tenantId)),
      );
      terminal.print(json ? `${JSON.stringify(policy)}\n` : policyText(policy));
    });
}

function setCommand(terminal: Terminal): Command {
  return changing('set', 'Changes the policy.')
    .addOption(
      new Option(
        '--max-contacts <number>',
        'contacts that an identity may grow to, or "none" for no limit',
      ).argParser((text) => (text === 'none' ? Infinity : readWholeNumber(1, LIMIT_MAX)(text))),
    )
    .addOption(
      new Option(
        '--file <file>',
        'all of the policy, as JSON in the form of `policy show --json`; what is absent gets its default',
      ).conflicts('maxContacts'),
    )
    .action(async (flags: ChangeFlags & { maxContacts?: number; file?: string }) => {
      const { file, maxContacts } = flags;
      if (file === undefined && maxContacts === undefined) {
        throw new AdministrationError('Give --max-contacts or --file.');
      }
      const given = file === undefined ? null : await readJson(file);
      const limit = maxContacts === Infinity ? null : maxContacts;
      await replace(terminal, flags, 'policy set', (policy) => given ?? { ...policy, maxContacts: limit });
    });
}

interface AddFlags extends ChangeFlags {
  readonly normaliser?: Normaliser;
  readonly priority?: number;
  readonly onePerIdentity?: true;
  readonly maxPerIdentity?: number;
  readonly maxLength?: number;
}

function addCommand(terminal: Terminal): Command {
  return changing('add', 'Declares a kind of identifiers. It can be retired, and never removed or renamed.')
    .argument('<name>', 'as bodies and columns spell it, such as customerId')
    .addOption(
      new Option('--normaliser <name>', 'how values get their normal form (default: trim)').choices(
        NORMALISERS,
      ),
    )
    .option(
      '--priority <number>',
      'a lower number is stronger: emails have 20, phone numbers 30 (default: 100)',
      readWholeNumber(1, PRIORITY_MAX),
    )
    .option('--one-per-identity', 'two values are never one person’s')
    .option(
      '--max-per-identity <number>',
      'values of an identity (default: any number)',
      readWholeNumber(1, LIMIT_MAX),
    )
    .option('--max-length <number>', 'characters of a value (default: 254)', readWholeNumber(1, 254))
    .action(async (name: string, flags: AddFlags) => {
      const { normaliser, priority, onePerIdentity, maxPerIdentity, maxLength } = flags;
      await replace(terminal, flags, 'policy kinds add', ({ maxContacts, kinds }) => {
        const known = kinds.find((kind) => kind.name === name);
        if (known !== undefined) {
          throw new AdministrationError(
            `There is a kind ${name} already${known.retired ? '; it is retired, and `policy kinds restore` takes it up again' : ''}.`,
          );
        }
        const added = { name, normaliser, priority, onePerIdentity, maxPerIdentity, maxLength };
        return { maxContacts, kinds: [...kinds, added] };
      });
    });
}

function retirementCommand(
  terminal: Terminal,
  command: 'retire' | 'restore',
  retired: boolean,
  description: string,
): Command {
  return changing(command, description)
    .argument('<name>', 'the kind')
    .action(async (name: string, flags: ChangeFlags) => {
      await replace(terminal, flags, `policy kinds ${command}`, ({ maxContacts, kinds }) => {
        if (!kinds.some((kind) => kind.name === name)) {
          throw new AdministrationError(`There is no kind ${name}.`);
        }
        return {
          maxContacts,
          kinds: kinds.map((kind) => (kind.name === name ? { ...kind, retired } : kind)),
        };
      });
    });
}

function changing(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--reason <text>', 'why; it is recorded, so put no identifiers in it')
    .option('--dry-run', 'tell what would be, and write nothing')
    .option('--tenant <name>', 'tenant of the policy (default: the only tenant)')
    .option('--json', 'as JSON');
}

/** Changes the policy that is stored, and tells what came of it. */
async function replace(
  terminal: Terminal,
  { reason, dryRun, tenant, json }: ChangeFlags,
  route: string,
  change: (policy: PolicyResponse) => Body,
): Promise<void> {
  const { readPolicy } = await import('../identity/api/dto/policy.request.js');
  const { PolicyChangeResponse: Changed, PolicyResponse: Shown } =
    await import('../identity/api/dto/policy.response.js');
  const { etagOf } = await import('../identity/policy.service.js');
  const { InvalidRequestError } = await import('../http/problems/problem.errors.js');
  try {
    const changed = await ask(terminal, tenant, async (service) => {
      const policy = await service.policy.read(service.tenantId);
      const { wanted, reason: why } = readPolicy({ reason, ...change(new Shown(policy)) }, 'reject');
      const call = { ...changeOf(service, route, dryRun ?? false), ifMatch: etagOf(policy) };
      // Nobody else waits for the answer, so all that exceeds the limits is counted, however long it takes.
      return new Changed(await service.policy.replace(call, wanted, why, Infinity));
    });
    terminal.print(json ? `${JSON.stringify(changed)}\n` : changeText(changed, dryRun ?? false));
  } catch (error) {
    throw error instanceof InvalidRequestError
      ? new AdministrationError(error.errors.map(({ field, message }) => `${field}: ${message}.`).join('\n'))
      : error;
  }
}

async function readJson(file: string): Promise<Body> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new TransferError(`${file} can't be read: ${fileTrouble(error, 'read')}.`);
  });
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
      return body as Body;
    }
  } catch {
    // It is refused below.
  }
  throw new TransferError(`${file} is not a JSON object.`);
}

function changeText(change: PolicyChangeResponse, isDryRun: boolean): string {
  const heading = !change.changed
    ? 'The policy is like that already.\n'
    : isDryRun
      ? 'The policy would become:\n'
      : `Changed the policy by change ${change.changeId}. It is in force on every replica within 5 seconds:\n`;
  return heading + policyText(change) + exceedingText(change);
}

function policyText({ maxContacts, kinds }: PolicyResponse): string {
  return [
    `Contacts of an identity: ${maxContacts === null ? 'any number' : `at most ${maxContacts}`}\n`,
    table([
      ['KIND', 'NORMALISER', 'PRIORITY', 'OF AN IDENTITY', 'MAX LENGTH', 'STATE'],
      ...kinds.map(kindRow),
    ]),
  ].join('');
}

function kindRow(kind: KindDto): string[] {
  const { name, normaliser, priority, onePerIdentity, maxPerIdentity, maxLength, retired } = kind;
  const limit = onePerIdentity ? 1 : maxPerIdentity;
  return [
    name,
    normaliser,
    String(priority),
    limit === null ? 'any number' : `at most ${limit}`,
    String(maxLength),
    retired ? 'retired' : 'in use',
  ];
}

function exceedingText({ exceeding, exceedingCount }: PolicyChangeResponse): string {
  if (exceeding.length === 0) {
    return '';
  }
  const more = (exceedingCount ?? 0) - exceeding.length;
  return [
    '\nThese identities exceed a limit. They stay as they are, and may not grow:\n',
    table([['ID', 'LIMIT', 'HAS', 'EMAIL', 'PHONE NUMBER'], ...exceeding.map(exceedingRow)]),
    more > 0 ? `… and ${more} more.\n` : '',
  ].join('');
}

function exceedingRow({ contact, limit, count }: ExceedingIdentityDto): string[] {
  return [
    String(contact.primaryContactId),
    limit,
    String(count),
    contact.emails[0] ?? '-',
    contact.phoneNumbers[0] ?? '-',
  ];
}
