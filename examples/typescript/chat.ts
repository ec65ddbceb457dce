/**
 * Streams one answer through aibal-tui and prints which provider gave it.
 *
 *     npm install --no-save openai
 *     aibal-tui demo --headless &          # or your own gateway
 *     npx tsx examples/typescript/chat.ts "Why is the sky blue?"
 *
 * AIBAL_BASE_URL is the gateway (default http://127.0.0.1:8080/v1), AIBAL_TOKEN a client token
 * where the gateway asks for one.
 */

import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.AIBAL_BASE_URL ?? "http://127.0.0.1:8080/v1",
  // Any text will do while the gateway listens on loopback without tokens.
  apiKey: process.env.AIBAL_TOKEN ?? "anything",
  // The gateway retries and fails over by itself.
  maxRetries: 0,
});

// Constraints of this request, all optional. The gateway never relaxes them: when no target fits,
// it answers 503 and names the reason for each target.
const constraints: Record<string, string> = {
  "x-aibal-max-latency": "20000", // milliseconds
  "x-aibal-max-cost": "0.0001", // USD per token
  // "x-aibal-preferred-provider": "openai",
  // "x-aibal-timeout-ms": "60000",
};

async function main(): Promise<void> {
  const prompt = process.argv.slice(2).join(" ") || "Say hello in three languages.";
  // withResponse() also gives the response headers.
  const { data: stream, response } = await client.chat.completions
    .create(
      {
        model: "auto", // or a model id, provider/model, or a route of yours
        messages: [{ role: "user", content: prompt }],
        max_tokens: 300,
        stream: true,
      },
      { headers: constraints },
    )
    .withResponse();
  for await (const chunk of stream) {
    process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
  }
  const header = (name: string) => response.headers.get(`x-aibal-${name}`);
  console.log(
    `\n\n${header("provider")}/${header("model")} answered in attempt ${header("attempts")}, ` +
      `decision ${header("decision")}`,
  );
}

main().catch((error: unknown) => {
  if (error instanceof OpenAI.APIError) {
    console.error(`${error.status}: ${error.message}`);
  } else {
    console.error(error);
  }
  process.exitCode = 1;
});
