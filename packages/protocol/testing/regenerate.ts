// Writes the golden bytes and the tables of the documents anew, from the code as it is. With `--write` only: golden bytes of a released
// version never change, and a change of the others is a decision.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsDocument, protocolDocument, read, refreshed } from './documents.ts';
import { fromJson, goldenFiles, goldenFolder, readGolden } from './golden.ts';

if (!process.argv.includes('--write')) {
  console.error('This overwrites golden bytes and tables of documents. Say --write if you mean it.');
  process.exit(2);
}

for (const [file, { encode }] of Object.entries(goldenFiles)) {
  const samples = readGolden(file).map(({ name, value }) => {
    return { name, value, hex: Buffer.from(encode(fromJson(value))).toString('hex') };
  });
  writeFileSync(join(goldenFolder, `${file}.json`), `${JSON.stringify(samples, null, 2)}\n`);
}
for (const document of [protocolDocument, errorsDocument]) writeFileSync(document, refreshed(read(document)));
console.error('Written. Now: npm run format, and look at the difference.');
