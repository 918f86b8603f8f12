import { Command, InvalidArgumentError } from 'commander';
import { minute, table } from './output.js';
import type { Terminal } from './terminal.js';

export function tenantsCommand(terminal: Terminal): Command {
  return new Command('tenants')
    .description('Manages tenants. No tenant sees the identities of another.')
    .addCommand(
      new Command('create')
        .description('Creates a tenant.')
        .argument('<name>', 'letters, digits, dots, dashes and underscores', readName)
        .action(async (name: string) => {
          const { administer } = await import('./open-administration.js');
          const { id } = await administer(terminal.env, (administration) =>
            administration.createTenant(name),
          );
          terminal.print(`Created tenant ${name} (${id})\n`);
        }),
    )
    .addCommand(
      new Command('list')
        .description('Lists all tenants.')
        .option('--json', 'as JSON')
        .action(async ({ json }: { json?: true }) => {
          const { administer } = await import('./open-administration.js');
          const tenants = await administer(terminal.env, (administration) => administration.tenants());
          terminal.print(
            json
              ? `${JSON.stringify(tenants.map(({ id, name, createdAt, disabledAt }) => ({ id, name, createdAt, disabledAt })))}\n`
              : table([
                  ['ID', 'NAME', 'CREATED', 'STATE'],
                  ...tenants.map(({ id, name, createdAt, disabledAt }) => [
                    String(id),
                    name,
                    minute(createdAt),
                    disabledAt === null ? 'enabled' : `disabled ${minute(disabledAt)}`,
                  ]),
                ]),
          );
        }),
    )
    .addCommand(
      switching(
        terminal,
        'disable',
        'Disables a tenant: its keys stop working within seconds. Its identities stay.',
      ),
    )
    .addCommand(switching(terminal, 'enable', 'Enables a tenant again.'));
}

function switching(terminal: Terminal, name: 'enable' | 'disable', description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<name>', 'the tenant')
    .action(async (tenant: string) => {
      const { administer } = await import('./open-administration.js');
      await administer(terminal.env, (administration) =>
        administration.setTenantEnabled(tenant, name === 'enable'),
      );
      terminal.print(`Tenant ${tenant} is ${name}d\n`);
    });
}

function readName(text: string): string {
  if (!/^[\w.-]{1,64}$/.test(text)) {
    throw new InvalidArgumentError('It must be 1 to 64 letters, digits, dots, dashes or underscores.');
  }
  return text;
}
