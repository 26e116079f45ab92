// The official parser reads AsyncAPI documents: `node check.mjs FOLDER_OF_NODE_MODULES DOCUMENT...`.
// Prints what it found in each as JSON: [{"valid": ..., "diagnostics": [...], "channels": [...], "messages": [...]}, ...].
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, ...paths] = process.argv.slice(2);
const { Parser } = createRequire(`${modules}/`)('@asyncapi/parser');
const found = [];
for (const path of paths) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(path, 'utf-8'));
  found.push({
    valid: document !== undefined,
    diagnostics: diagnostics.map((one) => ({ code: one.code, severity: one.severity, path: one.path.join('.'), message: one.message })),
    channels: document?.allChannels().all().map((channel) => channel.address()),
    messages: document?.allMessages().all().map((message) => message.name()),
  });
}
console.log(JSON.stringify(found));
