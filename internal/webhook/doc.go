// Package webhook signs callbacks, and verifies them, as Standard Webhooks 1.0 has it
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md). Three headers go with a body:
//
//	webhook-id         names the notification, the same at each attempt: a receiver that has seen it drops it
//	webhook-timestamp  the time of this attempt, in seconds since 1970
//	webhook-signature  v1,BASE64 of HMAC-SHA256(secret, id "." timestamp "." body); one for each secret that is good,
//	                   with spaces between them, so that a secret can be replaced while receivers still have the old one
//
// A secret is told as whsec_ and the base64 of its bytes.
package webhook
