import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Member } from '@conclave/member';
import type { ClusterStatus } from '@conclave/protocol';
import type { Doorkeeper } from './admission.ts';

/** The HTTP side of the client port: health for machines, a page for people. */
export function answerHttp(
  member: Member,
  doorkeeper: Doorkeeper,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const refusal = doorkeeper.refusal(request);
  if (refusal !== null) return text(response, 403, refusal);
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(response, 405, 'only GET is answered');
  const path = (request.url ?? '/').replace(/\?.*$/, '');
  switch (path) {
    case '/livez':
      return text(response, 200, 'ok');
    case '/readyz':
      return ready(member, response);
    case '/':
      return send(response, 200, 'text/html; charset=utf-8', page(member.status, member.removed));
    default:
      return text(response, 404, `there is nothing at ${path}`);
  }
}

/** Ready: it follows a leader or is one, so that reads and writes through it can be answered. */
function ready({ status: { leader }, unready }: Member, response: ServerResponse): void {
  if (unready !== null) return text(response, 503, unready);
  if (leader === null) text(response, 503, 'leader: none is known');
  else text(response, 200, `leader: member ${leader}`);
}

function text(response: ServerResponse, status: number, body: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${body}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  response.end(body);
}

function page(status: ClusterStatus, removed: string | null): string {
  const rows = status.members.map(
    ({ applied, clientUrl, commit, diskLow, durable, id, role }) =>
      `<tr><td>${id}<td>${role}${diskLow === true ? ', <strong>disk low</strong>' : ''}<td>${escape(clientUrl)}<td>${applied ?? '–'}<td>${commit ?? '–'}<td>${durable ?? '–'}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Conclave ${escape(status.clusterId)}</title>
<style>body{font:16px system-ui;margin:2rem}td,th{padding:.25rem 1rem;text-align:left}</style>
<h1>Conclave</h1>${removed === null ? '' : `<p><strong>${escape(removed)}</strong>`}<p>Cluster ${escape(status.clusterId)}, term ${status.term}, revision ${status.revision}, ${
    status.leader === null ? '<strong>no leader</strong>' : `led by member ${status.leader}`
  }</p><table><tr><th>member<th>role<th>clients<th>applied<th>committed<th>durable${rows.join('')}</table></html>
`;
}

function escape(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
