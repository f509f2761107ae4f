// What makes the console handier. Every page works without it.
"use strict";

const announced = document.createElement("p");
announced.className = "hidden";
announced.setAttribute("role", "status");
document.body.append(announced);

/** The value of a field, or the lines of a list of codes. */
function textOf(element) {
  if ("value" in element) return element.value;
  return [...element.querySelectorAll("code")].map((code) => code.textContent).join("\n");
}

// Browsers give the clipboard to secure pages alone.
for (const button of document.querySelectorAll("[data-copy]")) {
  const from = document.getElementById(button.dataset.copy);
  if (!navigator.clipboard || !from) continue;
  const label = [...button.childNodes];
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(textOf(from));
      button.textContent = "Copied";
      announced.textContent = "Copied";
    } catch {
      if ("select" in from) from.select();
      announced.textContent = "The browser did not allow it: select the text and copy it.";
    }
    setTimeout(() => button.replaceChildren(...label), 2000);
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// The server looks as well: this only keeps the button from being pressed in vain.
for (const field of document.querySelectorAll("[data-confirm]")) {
  const button = field.form.querySelector("[type=submit]");
  const look = () => (button.disabled = field.value.trim() !== field.dataset.confirm);
  field.addEventListener("input", look);
  look();
}

// On a narrow screen the sections and the tabs scroll: to where one is.
for (const here of document.querySelectorAll(".sections [aria-current], .tabs [aria-current]")) {
  here.scrollIntoView({ block: "nearest", inline: "center" });
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
// A page that comes back from the browser's memory was not sent yet.
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
