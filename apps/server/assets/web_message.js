// Tells the window that opened this pop-up, and nobody else's, what became of the sign-in.
const outcome = document.getElementById("outcome");
if (!window.opener) {
  outcome.textContent = "The window that began this sign-in is gone. Please sign in again.";
} else {
  window.opener.postMessage(JSON.parse(outcome.dataset.message), outcome.dataset.origin);
  window.close();
}
