/* Passkeys exist only with script: the browser makes a key or signs with one, and the form carries its answer. */
(function () {
  "use strict";
  if (!window.PublicKeyCredential) {
    return;
  }

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (letter) {
      return letter.charCodeAt(0);
    });
  }

  function text(buffer) {
    var plain = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function understood(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) {
      options.user.id = bytes(options.user.id);
    }
    ["allowCredentials", "excludeCredentials"].forEach(function (name) {
      (options[name] || []).forEach(function (one) {
        one.id = bytes(one.id);
      });
    });
    return { publicKey: options };
  }

  function said(credential) {
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (credential.response[name]) {
        response[name] = text(credential.response[name]);
      }
    });
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: response,
      clientExtensionResults: {},
    });
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var failed = form.querySelector("[data-failed]");
    form.hidden = false;
    form.querySelectorAll("[data-needs-script]").forEach(function (part) {
      part.hidden = false;
    });
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      failed.hidden = true;
      navigator.credentials[form.dataset.passkey](understood(JSON.parse(form.dataset.options))).then(
        function (credential) {
          form.elements.passkey.value = said(credential);
          form.submit();
        },
        function () {
          failed.hidden = false;
        }
      );
    });
  });
})();
