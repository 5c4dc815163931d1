// Calls a sandbox with the AWS SDK for JavaScript v3, and prints what came of each call as a line of JSON.
// Usage: node javascript_sdk.mjs NODE_MODULES ENDPOINT_URL CALLS
// CALLS is a JSON list of [region, operation, input]; the operation "pages of ListRooms" goes through the paginator.
import { createRequire } from "node:module";
import { join } from "node:path";

const [nodeModules, endpoint, calls] = process.argv.slice(2);
const sdk = createRequire(join(nodeModules, "anchor.js"))("@aws-sdk/client-ivschat");

for (const [region, operation, input] of JSON.parse(calls)) {
  const client = new sdk.IvschatClient({
    region,
    endpoint,
    maxAttempts: 1,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "any will do" },
  });
  try {
    if (operation === "pages of ListRooms") {
      const pages = [];
      for await (const page of sdk.paginateListRooms({ client, pageSize: 3 }, input)) {
        pages.push(page.rooms.map((room) => room.arn));
      }
      console.log(JSON.stringify({ pages }));
      continue;
    }
    const { $metadata, ...output } = await client.send(new sdk[`${operation}Command`](input));
    console.log(JSON.stringify({ status: $metadata.httpStatusCode, requestId: $metadata.requestId, output }));
  } catch (error) {
    const { $metadata, $response, ...members } = error;
    console.log(
      JSON.stringify({
        status: $metadata?.httpStatusCode,
        requestId: $metadata?.requestId,
        error: error.name,
        typed: sdk[error.name] !== undefined && error instanceof sdk[error.name],
        message: error.message,
        members,
      }),
    );
  } finally {
    client.destroy();
  }
}
