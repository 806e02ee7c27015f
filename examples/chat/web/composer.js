/** Writing: the text field, whom it is for, typing notices, and pictures made small enough. */

import { find } from "./dom.js";

const TYPING_EVERY = 2_000;
const TYPING_IDLE = 3_000;
const LONGEST_TEXT = 2_000;
const COUNT_FROM = 1_800;
const HEAVIEST = 600_000;
/** Tried in turn until a picture is light enough: [longest side, quality]. */
const SIZES = [[1280, 0.85], [1280, 0.7], [1024, 0.65], [800, 0.6], [640, 0.5]];

export class Composer {
  #form = find("#composer");
  #text = find("#text");
  #room = "";
  #to = null;
  #typing;
  #actions;

  /** `actions`: { text(text, to), picture({ name, type, data }), typing(on), problem(text) }. */
  constructor(actions) {
    this.#actions = actions;
    this.#typing = new Typing(actions.typing);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    find("#whisper-to button").addEventListener("click", () => this.whisper(null));
    this.#takePictures();
  }

  setRoom(room) {
    this.#room = room;
    this.#typing.stop();
    this.#label();
  }

  /** From here on what is written is for this person alone; null is everybody again. */
  whisper(name) {
    this.#to = name;
    if (name) this.#typing.stop();
    find("#whisper-to").hidden = !name;
    find("#whisper-to b").textContent = name ?? "";
    this.#form.classList.toggle("whispering", Boolean(name));
    this.#label();
    this.#text.focus();
  }

  focus() {
    // On a touch screen the focus would open the keyboard over the messages.
    if (matchMedia("(pointer: fine)").matches) this.#text.focus();
  }

  #label() {
    const label = this.#to ? `Private message to ${this.#to}` : `Message ${this.#room}`;
    this.#text.placeholder = label;
    this.#text.setAttribute("aria-label", label);
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#send();
    }
    if (event.key === "Escape" && this.#to) this.whisper(null);
  }

  #changed() {
    const { value } = this.#text;
    this.#text.style.setProperty("height", "auto");
    this.#text.style.setProperty("height", `${this.#text.scrollHeight}px`);
    find("#send").disabled = !value.trim();
    const left = LONGEST_TEXT - value.length;
    find("#room-left").textContent = value.length < COUNT_FROM ? "" : `${left} left`;
    if (this.#to) return;
    if (value.trim()) this.#typing.note();
    else this.#typing.stop();
  }

  #send() {
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = "";
    this.#changed();
    this.#actions.text(text, this.#to);
    this.#text.focus();
  }

  #takePictures() {
    const file = find("#file");
    const frame = find("#conversation");
    find("#attach").addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      this.#pictures([...file.files]);
      file.value = "";
    });
    this.#text.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length === 0) return;
      event.preventDefault();
      this.#pictures([...event.clipboardData.files]);
    });
    frame.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      frame.classList.add("dropping");
    });
    frame.addEventListener("dragleave", (event) => {
      if (!frame.contains(event.relatedTarget)) frame.classList.remove("dropping");
    });
    frame.addEventListener("drop", (event) => {
      event.preventDefault();
      frame.classList.remove("dropping");
      this.#pictures([...event.dataTransfer.files]);
    });
  }

  async #pictures(files) {
    if (this.#to) return this.#actions.problem("Pictures go to the whole room. Close the private message first.");
    for (const file of files) {
      try {
        this.#actions.picture(await prepared(file));
      } catch (error) {
        this.#actions.problem(error.message);
      }
    }
  }
}

/** Says "on" at most every two seconds, and "off" once when the typing is over. */
class Typing {
  #tell;
  #last = 0;
  #idle;

  constructor(tell) {
    this.#tell = tell;
  }

  note() {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), TYPING_IDLE);
    if (Date.now() - this.#last < TYPING_EVERY) return;
    this.#last = Date.now();
    this.#tell(true);
  }

  stop() {
    clearTimeout(this.#idle);
    if (this.#last) this.#tell(false);
    this.#last = 0;
  }
}

async function prepared(file) {
  const light = file.type === "image/gif" ? file : await reduced(file);
  if (light.size > HEAVIEST) throw new Error(`${file.name} is too large: at most 600 kB for a moving picture.`);
  const stem = (file.name || "picture").replace(/\.[^.]*$/, "").slice(0, 80);
  const name = `${stem}.${light.type.replace("image/", "")}`;
  return { name, type: light.type, data: await light.arrayBuffer() };
}

/** Drawn anew, so that the place and the camera written into a photo do not travel with it. */
async function reduced(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is not a picture this browser can read.`);
  });
  let smallest;
  for (const [longest, quality] of SIZES) {
    smallest = await encoded(bitmap, longest, quality);
    if (smallest.size <= HEAVIEST) break;
  }
  bitmap.close();
  return smallest;
}

async function encoded(bitmap, longest, quality) {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const webp = await blobOf(canvas, "image/webp", quality);
  if (webp.type === "image/webp") return webp;
  // A browser that cannot write WebP: JPEG knows no transparency.
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  return blobOf(canvas, "image/jpeg", quality);
}

function blobOf(canvas, type, quality) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}
