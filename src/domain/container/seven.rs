//! 7z archives, encrypted ones too, and those behind a program that would unpack them.

use std::io::Read;

use sevenz_rust2::{ArchiveReader, EncoderMethod, Error, Password};

use super::body::{Behind, Body, length};
use super::guard::Guard;
use super::kind::seven_start;
use super::{Place, Unpacker};

type Archive = ArchiveReader<Behind>;

impl Unpacker<'_> {
    pub(super) fn seven(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let packed_bytes = length(&mut *body).unwrap_or_default();
        let start = seven_start(&mut *body);
        match self.open_seven(&*body, start) {
            Ok(mut archive) => {
                self.seven_members(place, &mut archive, packed_bytes);
                self.give_before(place, &mut *body, start);
            }
            Err(Error::PasswordRequired | Error::MaybeBadPassword(_)) => self.odd_locked(place),
            Err(Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_)) => {
                self.odd("container-unread", place, "a 7z archive is packed in a way that is not read");
                self.give_body(place, &mut *body);
            }
            Err(_) => {
                self.odd("container-damaged", place, "a 7z archive is damaged; it is searched as it stands");
                self.give_body(place, &mut *body);
            }
        }
    }

    /// Opens the archive with the first password that can read it; with none if none is needed.
    fn open_seven(&mut self, body: &dyn Body, start: u64) -> Result<Archive, Error> {
        let open = |password: Password| {
            let mut archive = ArchiveReader::new(Behind::new(body.again()?, start)?, password)?;
            archive.set_thread_count(1);
            Ok(archive)
        };
        let refused = match open(Password::empty()) {
            Ok(archive) if !is_encrypted(&archive) => return Ok(archive),
            Ok(_) => Error::PasswordRequired,
            Err(error @ (Error::PasswordRequired | Error::MaybeBadPassword(_))) => error,
            Err(error) => return Err(error),
        };
        for (number, password) in self.passwords() {
            let Ok(mut archive) = open(Password::from(password.reveal().as_str())) else { continue };
            if self.proven == Some(number) || self.is_password(&mut archive) {
                self.proven = Some(number);
                return Ok(archive);
            }
        }
        Err(refused)
    }

    /// Tells whether the first file that holds anything can be read to its checksum.
    fn is_password(&mut self, archive: &mut Archive) -> bool {
        let mut is_read = true;
        let limit = self.order.limits.held_bytes;
        let ended = archive.for_each_entries(|entry, reader| {
            if entry.size() == 0 {
                return Ok(true);
            }
            is_read = std::io::copy(&mut reader.take(limit), &mut std::io::sink()).is_ok();
            Ok(false)
        });
        is_read && ended.is_ok()
    }

    fn seven_members(&mut self, place: &Place, archive: &mut Archive, packed_bytes: u64) {
        let mut names = String::new();
        for file in &archive.archive().files {
            names.push_str(file.name());
            names.push('\n');
        }
        let ended = archive.for_each_entries(|entry, reader| {
            if entry.is_directory() {
                return Ok(true);
            }
            if !self.may_open_another(place) {
                return Ok(false);
            }
            let inner = place.member(entry.name().as_bytes());
            let mut guard = Guard::new(&mut *reader, self, packed_bytes);
            let cut = guard.cut();
            self.open_stream(&inner, &mut guard);
            self.tell_cut(&inner, &cut);
            Ok(cut.get() == super::guard::Cut::No)
        });
        if ended.is_err() {
            self.odd("container-damaged", place, "a 7z archive is damaged; what could be read of it is searched");
        }
        self.give_names(place, &names);
    }
}

fn is_encrypted(archive: &Archive) -> bool {
    let mut coders = archive.archive().blocks.iter().flat_map(|block| &block.coders);
    coders.any(|coder| coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
}
