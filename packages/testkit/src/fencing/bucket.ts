// An object store in this process with the conditions of S3: PUT with If-Match or If-None-Match: * is answered 412 when another version is
// there, and 404 when none is. The ETag of an object is the MD5 of its content, whatever its metadata is.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface StoredObject {
  readonly content: string;
  readonly etag: string;
  /** `x-amz-meta-…` */
  readonly metadata: Readonly<Record<string, string>>;
}

export class Bucket implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #objects: Map<string, StoredObject>;

  private constructor(server: Server, objects: Map<string, StoredObject>) {
    const { port } = server.address() as AddressInfo;
    this.url = `http://127.0.0.1:${port}`;
    this.#server = server;
    this.#objects = objects;
  }

  static async start(): Promise<Bucket> {
    const objects = new Map<string, StoredObject>();
    const server = createServer((request, response) => {
      const key = request.url ?? '/';
      text(request).then(
        (content) => {
          if (request.method === 'PUT') {
            const status = put(objects, key, content, request.headers);
            return response.writeHead(status, status === 200 ? { etag: objects.get(key)?.etag } : {}).end();
          }
          const object = objects.get(key);
          if (object === undefined) return response.writeHead(404).end();
          return response.writeHead(200, { ...object.metadata, etag: object.etag }).end(object.content);
        },
        () => response.destroy(),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Bucket(server, objects);
  }

  contentOf(key: string): string | undefined {
    return this.#objects.get(`/${key}`)?.content;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function put(
  objects: Map<string, StoredObject>,
  key: string,
  content: string,
  headers: IncomingHttpHeaders,
): 200 | 404 | 412 {
  const present = objects.get(key);
  const match = headers['if-match'];
  if (match !== undefined && present === undefined) return 404;
  if (match !== undefined && present?.etag !== match) return 412;
  if (headers['if-none-match'] === '*' && present !== undefined) return 412;
  const etag = `"${createHash('md5').update(content).digest('hex')}"`;
  const metadata = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('x-amz-meta-') && typeof value === 'string' ? [[name, value]] : [],
    ),
  );
  objects.set(key, { content, etag, metadata });
  return 200;
}
