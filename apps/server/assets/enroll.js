// Without this script the codes are there all the same: it copies and prints them.
const codes = [...document.querySelectorAll("#recovery-codes code")].map((code) => code.textContent);
const copy = document.getElementById("copy");
const print = document.getElementById("print");
const copied = document.getElementById("copied");

// Browsers give the clipboard to secure pages alone.
if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "The browser did not allow it: select the codes and copy them.";
    }
  });
}
print.hidden = false;
print.addEventListener("click", () => window.print());
