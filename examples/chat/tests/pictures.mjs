// Pictures for the browser test, and a look at the bytes a page got.

/** Run in the page first: keeps every picture the page shows, so that its bytes can be compared. */
export function keepPictures() {
  const make = URL.createObjectURL;
  window.shownPictures = [];
  URL.createObjectURL = (blob) => {
    window.shownPictures.push(blob);
    return make.call(URL, blob);
  };
}

/** The bytes and the type of the picture shown last, once it is drawn. */
export async function lastPicture({ page }) {
  await page.waitForFunction(() => {
    const image = [...document.querySelectorAll(".picture-button img")].at(-1);
    return image?.complete && image.naturalWidth > 0;
  });
  const [type, text] = await page.evaluate(async () => {
    const blob = window.shownPictures.at(-1);
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return [blob.type, btoa(text)];
  });
  return { type, bytes: Buffer.from(text, "base64") };
}

/** A small picture with a long comment, in which every byte value occurs. */
export function gif() {
  const head = Buffer.from("474946383961020002008000000c4a3bf0d9c8", "hex");
  const block = Buffer.from([255, ...Array.from({ length: 255 }, (_, index) => 255 - index)]);
  const comment = Buffer.concat([Buffer.from([0x21, 0xfe]), ...Array(600).fill(block), Buffer.from([1, 0, 0])]);
  const image = Buffer.from("2c0000000002000200000203440205003b", "hex");
  return Buffer.concat([head, comment, image]);
}

/** A wide drawing as a PNG, made by the browser of this person. */
export async function drawing({ page }, width, height) {
  const data = await page.evaluate(([width, height]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    const sky = context.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, "#f7b38a");
    sky.addColorStop(0.7, "#f9e6c8");
    sky.addColorStop(0.7, "#2b6b78");
    sky.addColorStop(1, "#123b46");
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "#fff3d6";
    context.arc(width * 0.7, height * 0.35, height * 0.1, 0, 7);
    context.fill();
    return canvas.toDataURL("image/png").split(",")[1];
  }, [width, height]);
  return Buffer.from(data, "base64");
}
