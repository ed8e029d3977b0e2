package proxy

// Translate is translate.
var Translate = translate
