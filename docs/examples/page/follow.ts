// A page that follows keys: a browser is as good a client as a server process.
//
// It shows one watch: first what there is, then every change, over every member, without a gap. When its member goes, the client moves
// to another one by itself and the watch goes on behind the last revision that it saw.
//
// It does not promise that what is shown is what is there now: a change needs its way, and while the state above the table is not `ready`,
// the table shows what was.
import { connect } from '@conclave/client';

const query = new URLSearchParams(location.search);
const endpoints = query.get('endpoints') ?? 'ws://127.0.0.1:7401,ws://127.0.0.1:7402,ws://127.0.0.1:7403';
const prefix = query.get('prefix') ?? '';

const state = element('state');
const keys = element('keys');
const rows = new Map<string, HTMLTableRowElement>();

const client = await connect({ endpoints: endpoints.split(','), author: 'a page' });
state.textContent = client.state;
client.on('state', (now) => {
  state.textContent = now;
});

for await (const batch of client.watch({ prefix }, { initial: 'snapshot', onCompacted: 'resync' })) {
  if (batch.type === 'snapshot') {
    if (batch.first) clear();
    for (const entry of batch.entries) show(entry.key, entry.text());
  } else if (batch.type === 'events') {
    for (const event of batch.events) {
      if (event.type === 'put') show(event.key, event.entry.text());
      else hide(event.key);
    }
  }
}

function show(key: string, value: string): void {
  const row = rows.get(key) ?? document.createElement('tr');
  // Text, never HTML: whoever may write a key must not be able to run a script here.
  row.replaceChildren(cell(key), cell(value));
  if (!rows.has(key)) keys.append(row);
  rows.set(key, row);
}

function hide(key: string): void {
  rows.get(key)?.remove();
  rows.delete(key);
}

function clear(): void {
  rows.clear();
  keys.replaceChildren();
}

function cell(text: string): HTMLTableCellElement {
  const made = document.createElement('td');
  made.textContent = text;
  return made;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}
