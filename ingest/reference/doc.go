// Package reference reads an OpenAPI 3.1 document for people: what each operation takes and answers, and what the
// members of its objects are, in a form that a template can print.
package reference
