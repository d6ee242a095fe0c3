/**
 * Opens SQLite files as captures: identification, versions, migrations, and the translation of SQLite's
 * failures into operating errors. Does not know what the rows hold.
 */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';

export type CaptureDatabase = Database.Database;

/** `RDCF` in ASCII; `file` and `sqlite3` show it, and no other SQLite file has it by accident. */
export const APPLICATION_ID = 0x52_44_43_46;

const MIGRATIONS_DIRECTORY = new URL('../../schemas/capture/', import.meta.url);
/** Nothing leads from older formats to this one. */
const OLDEST_VERSION = 2;
/** Blocks of a few KiB fill such pages well; the default of 4 KiB would leave a third of the file empty. */
const PAGE_BYTES = 8_192;
const FILE_MODE = 0o600;
export const RECOVER_HINT =
  'Save what is still true with relaydiff recover; relaydiff verify says where the damage is.';
/** How long to wait for another program that holds the file. */
const BUSY_TIMEOUT_MS = 1_000;

interface Migration {
  readonly version: number;
  readonly sql: string;
}

function migrations(): readonly Migration[] {
  return readdirSync(MIGRATIONS_DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({
      version: Number.parseInt(name, 10),
      sql: readFileSync(new URL(name, MIGRATIONS_DIRECTORY), 'utf8'),
    }));
}

/** The newest format that this relaydiff knows. */
export function newestFormat(): number {
  return migrations().at(-1)?.version ?? 0;
}

/** Tables, indexes and views with the SQL that made them, a line each, in order of their names. */
export function schemaOf(database: CaptureDatabase): readonly string[] {
  return database
    .prepare<[], [string]>(
      "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name",
    )
    .raw()
    .all()
    .map(([line]) => line);
}

/** The schema of the newest format. */
export function newestSchema(): readonly string[] {
  const database = new Database(':memory:');
  try {
    for (const { sql } of migrations()) database.exec(sql);
    return schemaOf(database);
  } finally {
    database.close();
  }
}

/** Makes a new capture file, readable by its owner only. Never touches a file that exists. */
export function createDatabase(path: string): CaptureDatabase {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
  } catch (error) {
    throw creationFailure(path, error);
  }
  try {
    return guardedWrite(path, () => initialize(path));
  } catch (error) {
    // What could not become a capture must not be in the way of the next try.
    rmSync(path, { force: true });
    throw error;
  }
}

function initialize(path: string): CaptureDatabase {
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('auto_vacuum = INCREMENTAL');
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    for (const { version, sql } of migrations()) {
      database.exec(sql);
      database.pragma(`user_version = ${version}`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function creationFailure(path: string, error: unknown): OperatingError {
  if (systemErrorCode(error) === 'EEXIST') {
    return new OperatingError('CAPTURE_EXISTS', `${path} exists already`, {
      hint: 'Name another file, or remove this one first: relaydiff never overwrites a capture.',
      cause: error,
    });
  }
  return new OperatingError('CAPTURE_UNWRITABLE', `cannot create ${path}: ${reasonOf(error)}`, {
    hint: 'Check that the directory exists and that you may write to it.',
    cause: error,
  });
}

/** Opens an existing capture for reading, after making sure that it is one and that this version knows it. */
export function openDatabase(path: string): CaptureDatabase {
  try {
    if (!statSync(path).isFile()) {
      throw new OperatingError('CAPTURE_UNREADABLE', `${path} is not a file`, {
        hint: 'Give the path of a capture, as written by relaydiff record or import.',
      });
    }
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw unreadable(path, error);
    throw new OperatingError('CAPTURE_NOT_FOUND', `${path} does not exist`, {
      hint: 'Check the path; relaydiff record writes the file named by --out.',
      cause: error,
    });
  }
  return guarded(path, () => {
    const database = new Database(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      checkIdentity(path, database);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

function checkIdentity(path: string, database: CaptureDatabase): void {
  if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new OperatingError('NOT_A_CAPTURE', `${path} is an SQLite file of another program`, {
      hint: 'Give a capture written by relaydiff record or relaydiff import.',
    });
  }
  const version = Number(database.pragma('user_version', { simple: true }));
  const newest = newestFormat();
  if (version > newest) {
    throw new OperatingError(
      'CAPTURE_NEWER',
      `${path} has capture format ${version}; this relaydiff reads up to ${newest}`,
      { hint: 'Update relaydiff, then try again.' },
    );
  }
  if (version > 0 && version < OLDEST_VERSION) {
    throw new OperatingError(
      'CAPTURE_OLDER',
      `${path} has capture format ${version}, which no release of relaydiff ever wrote`,
      { hint: 'Record or import it again.' },
    );
  }
  if (version < 1) {
    throw new OperatingError('CAPTURE_DAMAGED', `${path} is a capture without a format version`, {
      hint: 'The recorder was stopped while it created the file; there is nothing in it.',
    });
  }
}

/** Runs `work` and turns what SQLite reports into an operating error that names the file. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Database.SqliteError) throw sqliteFailure(path, error);
    throw error;
  }
}

/** The same for writing: whatever SQLite reports, the file could not be written. */
export function guardedWrite<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    throw new OperatingError('CAPTURE_UNWRITABLE', `cannot write ${path}: ${error.message}`, {
      hint: 'Free space on the disk, or end the program that holds the file.',
      cause: error,
    });
  }
}

function sqliteFailure(
  path: string,
  error: InstanceType<typeof Database.SqliteError>,
): OperatingError {
  const { code } = error;
  if (code === 'SQLITE_NOTADB') {
    return new OperatingError('NOT_A_CAPTURE', `${path} is not a capture: it is no SQLite file`, {
      hint: 'Give a capture written by relaydiff record or relaydiff import.',
      cause: error,
    });
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return new OperatingError('CAPTURE_DAMAGED', `${path} is damaged: ${error.message}`, {
      hint: RECOVER_HINT,
      cause: error,
    });
  }
  return unreadable(path, error);
}

function unreadable(path: string, error: unknown): OperatingError {
  if (error instanceof OperatingError) return error;
  return new OperatingError('CAPTURE_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
    hint: 'Check that the file and its directory may be read, and that no other program holds it.',
    cause: error,
  });
}
