//! The stored form of signed documents: compressed one by one, with a dictionary that is part of the program.
//!
//! A spec or a result has a few hundred bytes, most of them the names of its fields. Alone it compresses badly; with a dictionary that
//! holds those names, little more than the random parts is left.
//!
//! The first byte says how to read the rest: 0 stands for the document as it is; any other number for a Zstandard frame (RFC 8878)
//! that was made with the dictionary of this number, less the four bytes that every frame begins with. A dictionary is kept for ever,
//! because the rows that were written with it need it.
//!
//! A new one is trained by `cargo test -p apiary-store --test documents -- --ignored train`. One release reads it before the next
//! writes with it: brokers of two versions share a database during an upgrade.

use std::cell::RefCell;
use std::sync::LazyLock;

use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::get_frame_content_size;

/// Bytes of a stored document's beginning that [`document_bytes`] needs: the version and a frame's header.
pub const HEAD_BYTES: i32 = 16;
/// The first byte of a document that is stored as it is.
const PLAIN: u8 = 0;
/// The first bytes of every frame.
const FRAME_START: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// The level of compression. Higher ones save a few hundredths of the size, and take several times as long.
const LEVEL: i32 = 1;

/// Every dictionary, by its number less one. Documents are written with the last.
const DICTIONARIES: [&[u8]; 1] = [include_bytes!("documents/v1.dict")];

static WRITING: LazyLock<Option<EncoderDictionary<'static>>> =
    LazyLock::new(|| EncoderDictionary::try_copy(DICTIONARIES[DICTIONARIES.len() - 1], LEVEL).ok());
static READING: LazyLock<[Option<DecoderDictionary<'static>>; DICTIONARIES.len()]> =
    LazyLock::new(|| DICTIONARIES.map(|dictionary| DecoderDictionary::try_copy(dictionary).ok()));

thread_local! {
    // Making one takes longer than a document does. `None` if there was no memory for it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(compressor());
    static DECOMPRESSORS: RefCell<[Option<Decompressor<'static>>; DICTIONARIES.len()]> = RefCell::new(decompressors());
}

/// Reasons for which a stored document cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentDamage {
    /// Not even the first byte is there.
    #[error("is empty")]
    Empty,
    /// The first byte is no dictionary's number.
    #[error("begins with {0}: this version of the program has no dictionary of that number, a newer one may")]
    Dictionary(u8),
    /// The rest is no frame made with that dictionary.
    #[error("is no Zstandard frame ({0})")]
    Frame(String),
    /// The document would be larger than any document may be.
    #[error("claims to hold {0} bytes, the most is {DOCUMENT_BYTES_MAX}")]
    Size(u64),
}

/// Returns a document as it is stored.
pub fn pack(document: &[u8]) -> Vec<u8> {
    compress(document).unwrap_or_else(|| [&[PLAIN], document].concat())
}

/// Returns the document that was stored.
pub fn unpack(stored: &[u8]) -> Result<Bytes, DocumentDamage> {
    match stored.split_first() {
        None => Err(DocumentDamage::Empty),
        Some((&PLAIN, document)) => Ok(Bytes::copy_from_slice(document)),
        Some((&version, frame)) => decompress(version, frame).map(Bytes::from),
    }
}

/// Returns the size of a document in bytes, from the first [`HEAD_BYTES`] and the length of its stored form.
pub fn document_bytes(head: &[u8], stored_bytes: usize) -> Result<usize, DocumentDamage> {
    match head.split_first() {
        None => Err(DocumentDamage::Empty),
        Some((&PLAIN, _)) => Ok(stored_bytes.saturating_sub(1)),
        Some((_, frame)) => content_size(frame),
    }
}

/// Returns the frame; `None` if it would not be smaller.
fn compress(document: &[u8]) -> Option<Vec<u8>> {
    // A larger one could not be read again.
    if document.len() > DOCUMENT_BYTES_MAX {
        return None;
    }
    let mut stored = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(document).ok())?;
    if stored.len() >= document.len() + FRAME_START.len() || !stored.starts_with(&FRAME_START) {
        return None;
    }
    // The version replaces the last of the four bytes; the others are removed.
    stored[FRAME_START.len() - 1] = u8::try_from(DICTIONARIES.len()).ok()?;
    stored.drain(..FRAME_START.len() - 1);
    Some(stored)
}

/// Reads the size of the document from the frame's header, and refuses one out of bounds: no frame makes the program ask for more memory.
fn content_size(frame: &[u8]) -> Result<usize, DocumentDamage> {
    let header = frame.get(..frame.len().min(HEAD_BYTES.unsigned_abs() as usize)).unwrap_or_default();
    match get_frame_content_size(&[&FRAME_START, header].concat()) {
        Ok(Some(size)) => match usize::try_from(size) {
            Ok(bytes) if bytes <= DOCUMENT_BYTES_MAX => Ok(bytes),
            _ => Err(DocumentDamage::Size(size)),
        },
        Ok(None) => Err(DocumentDamage::Frame("without its size".to_owned())),
        Err(_) => Err(DocumentDamage::Frame("its header is damaged".to_owned())),
    }
}

fn decompress(version: u8, frame: &[u8]) -> Result<Vec<u8>, DocumentDamage> {
    DECOMPRESSORS.with_borrow_mut(|decompressors| {
        let place = usize::from(version).wrapping_sub(1);
        let decompressor = decompressors.get_mut(place).ok_or(DocumentDamage::Dictionary(version))?;
        let decompressor = decompressor.as_mut().ok_or_else(|| DocumentDamage::Frame("no memory".to_owned()))?;
        let (size, frame) = (content_size(frame)?, [&FRAME_START, frame].concat());
        let document =
            decompressor.decompress(&frame, size).map_err(|error| DocumentDamage::Frame(error.to_string()))?;
        match document.len() == size {
            true => Ok(document),
            false => Err(DocumentDamage::Frame("of another length".to_owned())),
        }
    })
}

fn compressor() -> Option<Compressor<'static>> {
    let mut compressor = Compressor::with_prepared_dictionary(WRITING.as_ref()?).ok()?;
    // The version names the dictionary, and the signature reveals the damage that a checksum would.
    compressor.include_dictid(false).ok()?;
    compressor.include_checksum(false).ok()?;
    compressor.include_contentsize(true).ok()?;
    Some(compressor)
}

fn decompressors() -> [Option<Decompressor<'static>>; DICTIONARIES.len()] {
    let prepared = |place: usize| READING[place].as_ref();
    std::array::from_fn(|place| Decompressor::with_prepared_dictionary(prepared(place)?).ok())
}
