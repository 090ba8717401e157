//! What the contract says in its comments.

use prost_reflect::{
    FieldDescriptor, FileDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

pub(super) fn of_service(service: &ServiceDescriptor) -> String {
    find(&service.parent_file(), service.path())
}

pub(super) fn of_method(method: &MethodDescriptor) -> String {
    find(&method.parent_file(), method.path())
}

pub(super) fn of_message(message: &MessageDescriptor) -> String {
    find(&message.parent_file(), message.path())
}

pub(super) fn of_field(field: &FieldDescriptor) -> String {
    find(&field.parent_file(), field.path())
}

/// Up to the first full stop.
pub(super) fn first_sentence(comment: &str) -> &str {
    comment
        .split_once(". ")
        .map_or(comment, |(first, _rest)| first)
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
}

/// The comment before what is at `path` in a file, a paragraph a line.
fn find(file: &FileDescriptor, path: &[i32]) -> String {
    let comment = file
        .file_descriptor_proto()
        .source_code_info
        .iter()
        .flat_map(|info| &info.location)
        .find(|location| location.path == path)
        .map(|location| location.leading_comments().trim())
        .unwrap_or_default();
    let paragraphs = comment.split("\n\n").map(|paragraph| {
        let lines = paragraph.lines().map(str::trim);
        lines.collect::<Vec<_>>().join(" ")
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
