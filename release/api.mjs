import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doors, manifest, ROOT } from './package-info.mjs';

const REPORTS = join(ROOT, 'api');

/**
 * Compares what each door exports, as dist/ has it, with its report `api/<door>.api.md`, so that a change of the public
 * interface is a change of a file that is reviewed. With `write` the reports become what dist/ has.
 */
export async function checkApi({ write }) {
  const temp = await mkdtemp(join(tmpdir(), 'api-report-'));
  try {
    await mkdir(REPORTS, { recursive: true });
    const configs = doors.map((door) => configOf(door, temp));
    // Read and bound once for all doors.
    const compilerState = CompilerState.create(configs[0], {
      additionalEntryPoints: configs.slice(1).map(({ mainEntryPointFilePath }) => mainEntryPointFilePath),
    });
    const faults = doors.flatMap(({ name }, at) => compare(name, configs[at], compilerState, write));
    const known = new Set(doors.map(({ name }) => `${name}.api.md`));
    for (const file of await readdir(REPORTS)) {
      if (known.has(file)) continue;
      if (write) await rm(join(REPORTS, file));
      else faults.push(`api/${file} is of no door that package.json exports: npm run api removes it.`);
    }
    return faults;
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

function configOf({ name, types }, temp) {
  const quiet = { logLevel: ExtractorLogLevel.None };
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: join(ROOT, types),
      compiler: { tsconfigFilePath: join(ROOT, 'tsconfig.build.json') },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: REPORTS,
        reportTempFolder: temp,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        // What is exported is public; which words its comments use is not this check's business.
        extractorMessageReporting: { default: quiet },
        tsdocMessageReporting: { default: quiet },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
    packageFolder: ROOT,
  });
}

/** What the report of a door says otherwise than dist/ does; with `write` it is brought up to date. */
function compare(name, config, compilerState, write) {
  const messages = [];
  const result = Extractor.invoke(config, {
    compilerState,
    localBuild: write,
    printApiReportDiff: !write,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) messages.push(message.text);
      if (!write && message.messageId === 'console-api-report-diff') messages.push(message.text);
    },
  });
  if (write) return result.errorCount > 0 ? messages : [];
  if (!result.apiReportChanged && result.errorCount === 0) return [];
  return [
    `${manifest.name}${name === 'main' ? '' : `/${name}`} exports something else than api/${name}.api.md says. If that is meant: npm run api.`,
    ...messages,
  ];
}
