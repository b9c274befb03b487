// Runs exported folders in transformers.js, as a page or a Node program would: nothing here knows edgedoc.
//   node generate.mjs NODE_MODULES MESSAGE_FILE MAX_TOKENS FOLDER=DTYPE...   prints {folder: text} as JSON
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, messageFile, maxTokens, ...folders] = process.argv.slice(2);
// Resolved by hand: import looks beside this file, and the packages are kept out of the checkout.
const entry = createRequire(path.join(modules, "resolve.js")).resolve("@huggingface/transformers");
const { AutoModelForCausalLM, AutoTokenizer, env } = await import(pathToFileURL(entry).href);
env.allowRemoteModels = false;

const messages = [{ role: "user", content: readFileSync(messageFile, "utf8") }];
const texts = {};
for (const argument of folders) {
  const [folder, dtype] = argument.split("=");
  env.localModelPath = path.dirname(folder) + "/";
  const name = path.basename(folder);
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const model = await AutoModelForCausalLM.from_pretrained(name, {
    device: "cpu",
    session_options: { intraOpNumThreads: 1 },
    ...(dtype ? { dtype } : {}),
  });
  const prompt = tokenizer.apply_chat_template(messages, { add_generation_prompt: true, return_dict: true });
  const ids = await model.generate({ ...prompt, max_new_tokens: Number(maxTokens) });
  const answer = ids.slice(null, [prompt.input_ids.dims[1], null]).tolist()[0];
  texts[folder] = tokenizer.decode(answer, { skip_special_tokens: true });
  await model.dispose();
}
console.log(JSON.stringify(texts));
