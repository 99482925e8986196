// Package archive keeps what people say of alerts.
package archive
