// Package config is what the operator may say: environment variables, a YAML
// file with accounts and clients, and files that hold secrets.
//
// [Load] reads them all and answers with a [Config] in which nothing is left to
// check, or with [Problems], the list of everything that is wrong. A Config is
// never changed afterwards: [Config.Reload] makes a new one, [Config.Watch]
// says when that is worth while.
package config
