import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';

/** Brings a database to the schema of this checkout; a file of its own, because it loads the ORM. */
export async function migrateDatabase(url: string, serviceRole: string | null = null): Promise<void> {
  await migrate(ormOptions(new Settings({ DATABASE_URL: url }), 'migrate'), serviceRole);
}
